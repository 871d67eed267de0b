"""IAM: what a call needs permission for, where MiniStack asks for another action or resource than AWS does."""

from typing import Any, Final

from ministack.core import iam_actions

# A batch is authorized as the single call; the other actions do not exist.
ACTIONS: Final = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}


def install() -> None:
    """Wrap what tells a request's action and resource."""
    original_action, original_arn = iam_actions.extract_iam_action, iam_actions.extract_resource_arn

    def action(*request: Any) -> str | None:
        name: str | None = original_action(*request)
        return ACTIONS.get(name or "", name)

    def resource_arn(service: str, *request: Any) -> str:
        arn: str = original_arn(service, *request)
        # A rule of the default event bus goes without the bus's name.
        return arn.replace(":rule/default/", ":rule/") if service == "events" else arn

    iam_actions.extract_iam_action, iam_actions.extract_resource_arn = action, resource_arn
