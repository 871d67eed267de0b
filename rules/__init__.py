"""House rules for the template, as code. `python -m rules` checks template.yaml, on the source and as SAM transforms it."""
