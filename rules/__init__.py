"""House rules for the template, as code. `python -m rules` checks the template."""
