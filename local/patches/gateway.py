"""API Gateway REST API: the whole definition is imported, events and answers are AWS's, compressed bodies are inflated,
a disabled key is refused."""

import asyncio
import contextlib
import json
import secrets
import zlib
from collections.abc import Mapping
from typing import Any, Final

from ministack.core.concurrency import run_reentrant
from ministack.services import apigateway_v1 as gateway
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

INTEGRATION_SECONDS = 29.0
PAYLOAD_LIMIT: Final = 10_000_000
ANSWER_KEYS: Final = {"statusCode", "headers", "multiValueHeaders", "body", "isBase64Encoded"}
IDENTITY: Final = (
    "cognitoIdentityPoolId",
    "accountId",
    "cognitoIdentityId",
    "caller",
    "accessKey",
    "cognitoAuthenticationType",
    "cognitoAuthenticationProvider",
    "userArn",
    "user",
)
WINDOW_BITS: Final = {"gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}
"""How zlib reads each content coding that API Gateway inflates."""

NOT_FORWARDED: Final = {"connection", "content-length", "transfer-encoding", "keep-alive", "expect"}


def install() -> None:
    """Replace the functions below."""
    gateway._import_operation = _import_operation
    gateway._import_path_item = _import_path_item
    gateway._import_rest_api = _import_rest_api
    handler = provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"]
    handler["update"] = _update_rest_api
    gateway._build_lambda_event_v1 = _build_event
    gateway._invoke_lambda_proxy_v1 = _invoke_proxy
    gateway._call_lambda_raw = _call_lambda
    gateway._lambda_proxy_response = _proxy_answer
    gateway._gateway_error_response = _gateway_error_response
    gateway._execute_in_scope = _execute
    gateway._update_api_key = _update_api_key


# The definition: of each operation MiniStack's importer takes the method, the security and the integration's address.

_original_import_operation = gateway._import_operation
_original_import_path_item = gateway._import_path_item
_original_import_rest_api = gateway._import_rest_api
_original_update_rest_api = provisioners._apigw_rest_api_update
INTEGRATION_FIELDS: Final = (
    "requestTemplates",
    "requestParameters",
    "passthroughBehavior",
    "timeoutInMillis",
    "contentHandling",
    "credentials",
)


def _import_operation(
    api_id: str,
    resource_id: str,
    method: str,
    operation: Mapping[str, Any] | None,
    schemes: Any = None,
    security: Any = None,
) -> None:
    _original_import_operation(api_id, resource_id, method, operation, schemes, security)
    operation = operation or {}
    for status, response in (operation.get("responses") or {}).items():
        names = {f"method.response.header.{name}": False for name in (response or {}).get("headers") or {}}
        gateway._put_method_response(api_id, resource_id, method, str(status), {"responseParameters": names})
    integration = operation.get("x-amazon-apigateway-integration")
    if not integration:
        return
    live = gateway._resources[api_id][resource_id]["resourceMethods"][method]["methodIntegration"]
    live.update({name: integration[name] for name in INTEGRATION_FIELDS if integration.get(name) is not None})
    for pattern, response in (integration.get("responses") or {}).items():
        gateway._put_integration_response(
            api_id,
            resource_id,
            method,
            str(response.get("statusCode", 200)),
            {
                "selectionPattern": "" if pattern == "default" else pattern,
                "responseParameters": response.get("responseParameters") or {},
                "responseTemplates": response.get("responseTemplates") or {},
            },
        )


def _import_path_item(
    api_id: str, path: str, item: Mapping[str, Any], schemes: Any = None, security: Any = None
) -> None:
    any_method = item.get("x-amazon-apigateway-any-method")
    _original_import_path_item(api_id, path, item, schemes, security)
    if any_method is not None:
        wanted = path.rstrip("/") or "/"
        resource_id = next(
            key for key, resource in gateway._resources[api_id].items() if resource.get("path") == wanted
        )
        gateway._import_operation(api_id, resource_id, "ANY", any_method, schemes, security)


def _import_rest_api(definition: Mapping[str, Any], base: Mapping[str, Any] | None = None) -> str:
    # SAM writes the slash of a media type as ~1, which API Gateway undoes.
    media_types = [kind.replace("~1", "/") for kind in (base or {}).get("binaryMediaTypes") or []]
    api_id: str = _original_import_rest_api(definition, {**(base or {}), "binaryMediaTypes": media_types})
    _import_gateway_responses(api_id, definition)
    return api_id


def _import_gateway_responses(api_id: str, definition: Mapping[str, Any]) -> None:
    for kind, response in (definition.get("x-amazon-apigateway-gateway-responses") or {}).items():
        gateway._put_gateway_response(api_id, kind, {**response, "statusCode": response.get("statusCode")})


def _update_rest_api(
    physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], stack: str, logical_id: str | None = None
) -> Any:
    """A changed definition overwrites the API in place, as on AWS; MiniStack makes another API with another id."""
    if new.get("Body") != old.get("Body"):
        definition = new["Body"]
        resources = gateway._resources[physical_id]
        root = next(key for key, resource in resources.items() if resource.get("path") == "/")
        resources[root]["resourceMethods"] = {}
        for key in [key for key in resources if key != root]:
            del resources[key]
        gateway._gateway_responses[physical_id] = {}
        schemes = gateway._import_security_schemes(physical_id, definition)
        for path, item in (definition.get("paths") or {}).items():
            gateway._import_path_item(physical_id, path, item, schemes, definition.get("security"))
        _import_gateway_responses(physical_id, definition)
        old = {**old, "Body": definition}
    return _original_update_rest_api(physical_id, old, new, stack, logical_id)


# Events and answers of functions.

_original_build_event = gateway._build_lambda_event_v1
_original_invoke_proxy = gateway._invoke_lambda_proxy_v1
_original_gateway_error_response = gateway._gateway_error_response
_original_execute = gateway._execute_in_scope


def _canonical(header: str) -> str:
    return "-".join(word.capitalize() for word in header.split("-"))


def _build_event(
    api_id: str,
    stage_name: str,
    stage: Mapping[str, Any],
    resource: Mapping[str, Any],
    path: str,
    method: str,
    headers: Mapping[str, str],
    body: bytes,
    query: Mapping[str, list[str]],
    path_params: Any,
    **options: Any,
) -> dict[str, Any]:
    event: dict[str, Any] = _original_build_event(
        api_id, stage_name, stage, resource, path, method, headers, body, query, path_params, **options
    )
    event.pop("version", None)  # only payload format 2.0 names itself
    context = event["requestContext"]
    added = {
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
        "X-Amzn-Trace-Id": f"Root=1-{context['requestTimeEpoch'] // 1000:08x}-{secrets.token_hex(12)}",
    }
    single = {_canonical(name): value for name, value in event["headers"].items() if name.lower() not in NOT_FORWARDED}
    event["headers"] = added | single
    event["multiValueHeaders"] = {name: [value] for name, value in event["headers"].items()}
    if query:
        event["queryStringParameters"] = {name: values[-1] for name, values in query.items()}
    context |= {
        "domainName": f"{api_id}.execute-api.{gateway.get_region()}.amazonaws.com",
        "domainPrefix": api_id,
        "deploymentId": stage.get("deploymentId", ""),
    }
    context["identity"] = {**dict.fromkeys(IDENTITY), **context["identity"]}
    methods = resource.get("resourceMethods") or {}
    if (methods.get(method) or methods.get("ANY") or {}).get("apiKeyRequired"):
        key = gateway._resolve_api_key(gateway._api_key_from_request(headers))
        context["identity"] |= {"apiKey": key["value"], "apiKeyId": key["id"]}
    return event


class _Unanswered(Exception):
    """The function gave no answer in the gateway's time."""


class _BadAnswer(Exception):
    """The function failed, or what it returned is no proxy answer."""


async def _call_lambda(
    function_ref: str, event: Any, *, account_id: str | None = None, region: str | None = None
) -> Any:
    data, config, name = lambda_svc._get_func_record_for_ref_in_scope(
        function_ref, account_id=account_id, region=region
    )
    if data is None or config is None:
        return None, f"Lambda function '{function_ref or name}' not found"
    record = lambda_svc._execution_record_for_config(data, config)
    # The function runs on after the gateway has given up, as on AWS.
    running = asyncio.ensure_future(run_reentrant(lambda_svc._execute_function_with_config_scope, record, event))
    done, _ = await asyncio.wait({running}, timeout=INTEGRATION_SECONDS)
    if not done:
        raise _Unanswered
    return running.result(), None


def _proxy_answer(result: Mapping[str, Any]) -> tuple[dict[str, Any], None]:
    answer = result.get("body")
    if result.get("throttle") or result.get("error") or not isinstance(answer, dict) or set(answer) - ANSWER_KEYS:
        raise _BadAnswer
    body, status = answer.get("body"), str(answer.get("statusCode", ""))
    if not isinstance(body, str | None) or not (status.isdigit() and 100 <= int(status) <= 599):
        raise _BadAnswer
    return {**answer, "statusCode": int(status), "body": body or ""}, None


async def _invoke_proxy(*args: Any, **options: Any) -> Any:
    try:
        answer = await _original_invoke_proxy(*args, **options)
    except _Unanswered:
        return gateway._gw_error("INTEGRATION_TIMEOUT", "Endpoint request timed out")
    except _BadAnswer:
        error = gateway._gw_error("DEFAULT_5XX", "Internal server error")
        error.status = 502
        return error
    if isinstance(answer, tuple):
        answer[1].setdefault("x-amzn-requestid", gateway.new_uuid())
    return answer


def _gateway_error_response(error: Any, request: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    status, headers, body = _original_gateway_error_response(error, request)
    if error.response_type == "DEFAULT_5XX":
        with contextlib.suppress(
            ValueError
        ):  # MiniStack renders a leading space here; where that breaks the JSON it stays
            body = json.dumps(json.loads(body)).encode()
    if error.response_type in ("THROTTLED", "QUOTA_EXCEEDED"):
        headers.setdefault("Retry-After", "1")
    return getattr(error, "status", status), headers, body


class _NotInflated(Exception):
    """The body is in another content coding, or is not what its header says."""


def _inflated(headers: Mapping[str, str], body: bytes) -> bytes:
    """Return the body as a function sees it, cut off behind the limit. MiniStack hands compressed bytes on as text."""
    coding = next((value for name, value in headers.items() if name.lower() == "content-encoding"), "").strip().lower()
    if not body or coding in ("", "identity"):
        return body
    if coding not in WINDOW_BITS:
        raise _NotInflated
    unpacker = zlib.decompressobj(WINDOW_BITS[coding])
    try:
        plain = unpacker.decompress(body, PAYLOAD_LIMIT + 1)
    except zlib.error:
        raise _NotInflated from None
    if unpacker.unused_data or not (unpacker.eof or len(plain) > PAYLOAD_LIMIT):
        raise _NotInflated
    return plain


async def _execute(
    request: Any, api_id: str, stage: str, method: str, path: str, headers: Any, body: bytes, *rest: Any
) -> Any:
    try:
        plain = body if len(body or b"") > PAYLOAD_LIMIT else _inflated(headers, body)
    except _NotInflated:
        request["stage"] = gateway._stages_v1.get(api_id, {}).get(stage)
        return gateway._gw_error("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
    if len(plain or b"") > PAYLOAD_LIMIT:
        request["stage"] = gateway._stages_v1.get(api_id, {}).get(stage)
        return gateway._gw_error("REQUEST_TOO_LARGE", "Request Too Long")
    return await _original_execute(request, api_id, stage, method, path, headers, plain, *rest)


# Keys.

_original_update_api_key = gateway._update_api_key


def _update_api_key(key_id: str, data: Mapping[str, Any]) -> Any:
    """A patch carries "false" as a string, which MiniStack keeps and takes for true."""
    answer = _original_update_api_key(key_id, data)
    if key := gateway._api_keys.get(key_id):
        key["enabled"] = str(key.get("enabled", True)).lower() == "true"
    return answer
