"""The whole stack on one machine: the built template, deployed by CloudFormation into MiniStack, functions on AWS's own runtime client.

`python -m local` serves it; see `local/__main__.py` for what it takes and `docs/decisions.md` for why it is built like this.
"""
