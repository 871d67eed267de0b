"""Rules about queues, dead letters and asynchronous invocations."""

from collections.abc import Iterator

from rules.stack import Breach, Stack, failure_queues, granted, policy_of, target

TWO_WEEKS = 14 * 24 * 3600
"""Seconds for which dead letters must be kept, so that they survive a holiday."""

ESSENTIAL = {
    "CheckDeadLetterQueue",
    "ScheduleDeadLetterQueue",
    "EmailDeadLetterQueue",
    "SlackDeadLetterQueue",
    "WebhookDeadLetterQueue",
}
"""Dead-letter queues with an essential alarm. A message in them means that nobody checks a model or tells a team."""


def asynchronous_invocations(stack: Stack) -> Iterator[Breach]:
    """Every asynchronous invocation has a dead-letter queue, and the invoked function has an OnFailure queue."""
    for name, subscription in stack.of("AWS::SNS::Subscription").items():
        if subscription["Protocol"] != "lambda":
            continue
        queue = target(subscription.get("RedrivePolicy", {}).get("deadLetterTargetArn"))
        yield from _dead_letters(stack, name, queue, "sns.amazonaws.com", target(subscription["TopicArn"]))
        yield from _on_failure(stack, stack.behind(subscription["Endpoint"]))
    for name, rule in stack.of("AWS::Events::Rule").items():
        for to in rule.get("Targets", []):
            if not to.get("RetryPolicy"):
                yield name, "has no RetryPolicy"
            yield from _dead_letters(
                stack, name, target(to.get("DeadLetterConfig", {}).get("Arn")), "events.amazonaws.com", name
            )
            yield from _on_failure(stack, stack.behind(to["Arn"]))


def _on_failure(stack: Stack, function: str) -> Iterator[Breach]:
    queues = failure_queues(stack, function) & set(stack.of("AWS::SQS::Queue"))
    if not queues:
        yield function, "is invoked asynchronously without an OnFailure queue"
    allowed = set(granted(stack, stack.of("AWS::Lambda::Function").get(function, {})))
    for queue in sorted(queues):
        if ("sqs:SendMessage", queue) not in allowed:
            yield function, f"has no permission to send its failures to {queue}"


def _dead_letters(stack: Stack, edge: str, queue: str, service: str, source: str) -> Iterator[Breach]:
    if queue not in stack.of("AWS::SQS::Queue"):
        yield edge, "has no dead-letter queue"
        return
    for statement in policy_of(stack, queue):
        condition = statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn")
        if (
            statement["Effect"] == "Allow"
            and statement["Principal"] == {"Service": service}
            and target(condition) == source
        ):
            return
    yield queue, f"does not let {source} send messages"


def queues_behind_functions(stack: Stack) -> Iterator[Breach]:
    """A queue in front of a function hides messages long enough, retries them singly and has a dead-letter queue."""
    queues = stack.of("AWS::SQS::Queue")
    for name, mapping in stack.of("AWS::Lambda::EventSourceMapping").items():
        source = target(mapping["EventSourceArn"])
        queue = queues.get(source)
        if queue is None:
            continue
        if "ReportBatchItemFailures" not in mapping.get("FunctionResponseTypes", []):
            yield name, "repeats a whole batch when one message fails; set ReportBatchItemFailures"
        timeout = int(stack.of("AWS::Lambda::Function")[stack.behind(mapping["FunctionName"])]["Timeout"])
        if int(queue.get("VisibilityTimeout", 30)) < 6 * timeout:
            yield source, "has a VisibilityTimeout below six times the Timeout of its function"
        redrive = queue.get("RedrivePolicy", {})
        dead = target(redrive.get("deadLetterTargetArn"))
        if dead not in queues:
            yield source, "has no dead-letter queue"
            continue
        kept = int(queue.get("MessageRetentionPeriod", 4 * 24 * 3600))
        if int(queue.get("VisibilityTimeout", 30)) * int(redrive["maxReceiveCount"]) >= kept:
            yield source, "deletes a message before its last retry; raise MessageRetentionPeriod"
        if queues[dead].get("FifoQueue") != queue.get("FifoQueue"):
            yield dead, f"must be FIFO or standard like {source}"


def dead_letters_are_seen(stack: Stack) -> Iterator[Breach]:
    """Every dead-letter queue keeps messages for 14 days and has an alarm on the first message.

    With the essential alarms, only the queues of the check, the schedule and the notifiers have one.
    """
    watched = {
        target(dimension["Value"])
        for alarm in stack.of("AWS::CloudWatch::Alarm").values()
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible" and float(alarm["Threshold"]) <= 1
        for dimension in alarm["Dimensions"]
    }
    queues = stack.of("AWS::SQS::Queue")
    dead = {target(queue.get("RedrivePolicy", {}).get("deadLetterTargetArn")) for queue in queues.values()} - {""}
    for name in sorted(dead | {name for name in queues if "DeadLetter" in name}):
        if name not in watched and (stack.value("Alarms") != "essential" or name in ESSENTIAL):
            yield name, "has no alarm on visible messages"
        if int(queues.get(name, {}).get("MessageRetentionPeriod", 0)) < TWO_WEEKS:
            yield name, "keeps its messages for less than 14 days"
