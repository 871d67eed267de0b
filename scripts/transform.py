"""Prints the template as SAM transforms it, for tools that read plain CloudFormation: `python -m scripts.transform`."""

import json
import logging
import sys
from pathlib import Path

from rules.template import load, transform

if __name__ == "__main__":
    logging.disable(logging.WARNING)  # SAM's translator warns about its own metrics
    print(json.dumps(transform(load(Path(sys.argv[1] if len(sys.argv) > 1 else "template.yaml"))), indent=1))
