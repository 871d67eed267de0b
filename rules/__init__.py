"""House rules for the template, as code. `python -m rules` checks it as written and as SAM transforms it."""
