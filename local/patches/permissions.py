"""IAM: what a call needs permission for, where MiniStack asks for another action or resource than AWS does."""

import json
from email.utils import parseaddr
from typing import Any, Final

from ministack import app
from ministack.core import iam_actions, responses
from ministack.core.router import extract_region

# A batch is authorized as the single call; the other actions do not exist.
ACTIONS: Final = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}

SEND_EMAIL: Final = ("POST", "/v2/email/outbound-emails")


def install() -> None:
    """Wrap what tells a request's action and resource."""
    app._enforce_ses_v2 = _email
    original_action, original_arn = iam_actions.extract_iam_action, iam_actions.extract_resource_arn

    def action(*request: Any) -> str | None:
        name: str | None = original_action(*request)
        return ACTIONS.get(name or "", name)

    def resource_arn(service: str, *request: Any) -> str:
        arn: str = original_arn(service, *request)
        # A rule of the default event bus goes without the bus's name.
        return arn.replace(":rule/default/", ":rule/") if service == "events" else arn

    iam_actions.extract_iam_action, iam_actions.extract_resource_arn = action, resource_arn


_original_email = app._enforce_ses_v2


def _email(method: str, path: str, headers: Any, body: bytes, query: Any, request_id: str) -> Any:
    """Sending is authorized on the sender's identity, with the address as condition; MiniStack asks for it on `*`."""
    if (method, path) != SEND_EMAIL:
        return _original_email(method, path, headers, body, query, request_id)
    sender = parseaddr(json.loads(body).get("FromEmailAddress") or "")[1]
    arn = f"arn:aws:ses:{extract_region(headers, query)}:{responses.get_account_id()}:identity/{sender}"
    condition = {"ses:fromaddress": sender}
    return app._enforce_data_plane(
        "sesv2",
        "ses:SendEmail",
        headers,
        query,
        request_id,
        resource_arn=arn,
        service_context=condition,
        named_resource=arn,
    )
