"""Functions called by events: asynchronous invocation with its retries, and FIFO groups side by side."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from ministack.core.concurrency import spawn_background
from ministack.services import eventbridge, lambda_svc, sns

RETRY_SECONDS: Final = 1.0
_running: set[object] = set()


def install() -> None:
    """Replace the functions below."""
    eventbridge._dispatch_to_lambda = _from_rule
    sns._deliver_to_lambda = _from_topic
    lambda_svc.invoke_async_with_retry = _invoke_async
    lambda_svc._sqs_esm_concurrency = _concurrency
    # Both keep a line in memory for each invocation, for good; the functions' own lines go to files.
    lambda_svc._emit_lambda_logs = _nothing
    lambda_svc._emit_lambda_metrics = _nothing


def running() -> int:
    """Asynchronous invocations that run or are still to be repeated."""
    return len(_running)


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _invoke_async(function: Mapping[str, Any], event: Any) -> None:
    """Lambda's asynchronous invocation: repeated twice, then OnFailure; it waits seconds here, not minutes."""
    mark = object()
    _running.add(mark)  # before this returns: whoever waits for everything to end must see it

    def attempts() -> None:
        try:
            settings = _settings(function)
            repeats = settings.get("MaximumRetryAttempts")
            for attempt in range(1 + int(2 if repeats is None else repeats)):
                time.sleep(attempt * RETRY_SECONDS)
                result = lambda_svc._execute_function(function, event)
                if not result.get("error"):
                    return
            config = function.get("config") or function
            destination = ((settings.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
            if target := destination or (config.get("DeadLetterConfig") or {}).get("TargetArn"):
                lambda_svc._route_async_failure(target, config.get("FunctionName", ""), event, result)
        finally:
            _running.discard(mark)

    spawn_background(attempts, thread_name="invoke-async")


def _settings(function: Mapping[str, Any]) -> Mapping[str, Any]:
    """The EventInvokeConfig of the alias or version that was called; MiniStack looks at that of $LATEST alone."""
    config = function.get("config") or function
    qualifier = ":".join(str(config.get("FunctionArn", "")).split(":")[7:])
    main = lambda_svc._functions.get(config.get("FunctionName"), function)
    return lambda_svc._event_invoke_config(main, qualifier or "$LATEST") or main.get("event_invoke_config") or {}


def _asynchronously(arn: str, event: Any) -> None:
    """MiniStack's event sources call a function once and forget; on AWS each of them is an asynchronous invocation."""
    function, config, _name = lambda_svc._get_func_record_for_ref(arn)
    if function and config:
        called = {**config, "FunctionArn": arn}
        lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, called), event)


def _from_rule(arn: str, payload: str) -> None:
    _asynchronously(arn, json.loads(payload))


def _from_topic(endpoint: str, envelope: str, _topic: str, subscription: str, *_: Any) -> None:
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "EventSource": "aws:sns",
        "Sns": json.loads(envelope),
    }
    _asynchronously(endpoint, {"Records": [record]})


_original_concurrency = lambda_svc._sqs_esm_concurrency


def _concurrency(mapping: Mapping[str, Any], function: Any, config: Any, queue: Mapping[str, Any] | None = None) -> int:
    """With one message a batch FIFO groups run side by side: the queue holds back a group with one in flight."""
    if (queue or {}).get("is_fifo") and mapping.get("BatchSize") == 1:
        return int(_original_concurrency(mapping, function, config))
    return int(_original_concurrency(mapping, function, config, queue))
