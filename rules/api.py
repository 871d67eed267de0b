"""Rules about the API, its domain name and its web ACL."""

import json
import re
from collections.abc import Iterator

from rules.stack import Breach, Stack, target
from rules.template import PSEUDO, Template

MOST_WITHOUT_KEY = 20
"""Requests per second that a method accepts without a key."""

NO_KEY = {"/", "/health", "/openapi.json", "/docs", "/dashboard", "/dashboard/{proxy+}"}
"""Paths that need no API key."""

GATEWAY_ANSWERS = {
    "ACCESS_DENIED": 403,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "DEFAULT_4XX": 400,
    "DEFAULT_5XX": 500,
    "EXPIRED_TOKEN": 403,
    "INTEGRATION_FAILURE": 502,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MISSING_AUTHENTICATION_TOKEN": 404,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429,
    "UNAUTHORIZED": 403,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "WAF_FILTERED": 403,
}
"""Types of the gateway's own answers, and the status that each must have. DEFAULT_4XX and DEFAULT_5XX also answer types
that the template leaves out, with the status of the default."""

LOOKS_INTO_BODIES = {
    "AWSManagedRulesCommonRuleSet": {
        "SizeRestrictions_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "CrossSiteScripting_BODY",
    },
    "AWSManagedRulesKnownBadInputsRuleSet": {"JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY"},
}
"""Rules of AWS's groups that inspect bodies. They must only count: a body holds model inputs, which may look like an
attack."""


def keys_are_asked_for(stack: Stack) -> Iterator[Breach]:
    """Every route requires an API key except the open paths and preflights."""
    for name, api in stack.of("AWS::ApiGateway::RestApi").items():
        for path, item in api["Body"]["paths"].items():
            for method, operation in item.items():
                asks = {"api_key": []} in operation.get("security", [])
                wanted = method != "options" and path not in NO_KEY
                if asks != wanted:
                    yield name, f"{method.upper()} {path} {'requires' if asks else 'does not require'} a key"
            if "options" not in item:
                yield name, f"{path} has no OPTIONS method"


def gateway_answers(stack: Stack) -> Iterator[Breach]:
    """The gateway's own answers have the error shape, status, CORS header and request id of the contract."""
    for name, api in stack.of("AWS::ApiGateway::RestApi").items():
        answers = api["Body"].get("x-amazon-apigateway-gateway-responses", {})
        for answer, status in GATEWAY_ANSWERS.items():
            if answer not in answers:
                default = "DEFAULT_5XX" if status >= 500 else "DEFAULT_4XX"
                if answer == default or status != GATEWAY_ANSWERS[default]:
                    yield name, f"{answer} is missing; only an answer with the status of its default may be"
                continue  # API Gateway answers with the default, which is checked under its own name
            headers = {
                key.removeprefix("gatewayresponse.header.").lower(): value
                for key, value in answers[answer].get("responseParameters", {}).items()
            }
            # AWS replaces this variable with a quoted string
            text = answers[answer].get("responseTemplates", {}).get("application/json", "{}")
            body = json.loads(text.replace("$context.error.messageString", '"words"'))
            if int(answers[answer].get("statusCode", 0)) != status or body.get("status") != status:
                yield name, f"{answer} must have the status {status}"
            if {"type", "title", "detail", "message"} - set(body):
                yield name, f"{answer} lacks a member of the error shape"
            elif body["message"] != ("Forbidden" if status == 403 else body["detail"]):
                yield name, f"{answer} has another message than the contract"
            elif status == 403 and answer != "WAF_FILTERED" and "x-api-key" not in body["detail"]:
                yield name, f"{answer} does not say where to send the key"
            if headers.get("content-type") != "'application/problem+json'" or "x-request-id" not in headers:
                yield name, f"{answer} lacks a header of the contract"
            if headers.get("access-control-allow-origin") != "'*'":
                yield name, f"{answer} lacks the CORS header"
            if status == 429 and "retry-after" not in headers:
                yield name, f"{answer} lacks Retry-After"


def _without_key(stack: Stack) -> Iterator[tuple[str, str]]:
    """The paths and methods that need no key: preflight requests, and what is public."""
    for api in stack.of("AWS::ApiGateway::RestApi").values():
        for path, item in api.get("Body", {}).get("paths", {}).items():
            yield from ((path, method) for method in item if method == "options" or path in NO_KEY)


def limits_and_access_logs(stack: Stack) -> Iterator[Breach]:
    """The API and every key are throttled. Access logs are JSON lines without keys."""
    plans = stack.of("AWS::ApiGateway::UsagePlan")
    for name, stage in stack.of("AWS::ApiGateway::Stage").items():
        settings = [each for each in stage.get("MethodSettings", []) if each["ResourcePath"] == "/*"]
        if not any("ThrottlingRateLimit" in each and "ThrottlingBurstLimit" in each for each in settings):
            yield name, "is not throttled"
        own = {(each["ResourcePath"], each["HttpMethod"]): each for each in stage.get("MethodSettings", [])}
        for path, method in _without_key(stack):
            limits = own.get((_method_path(path), method.upper()), {})
            if not 0 < limits.get("ThrottlingRateLimit", 0) <= MOST_WITHOUT_KEY:
                yield name, f"has no small limit of its own for {method.upper()} {path}, which needs no key"
        if not any(plan.get("Throttle") for plan in plans.values()):
            yield name, "has no usage plan that throttles keys"
        if "AccessLogSetting" not in stage:
            if stack.value("ApiLogging") != "none":
                yield name, "writes no access log"
            continue
        line = stage["AccessLogSetting"]["Format"]
        if re.search(r"identity\.apiKey(?!Id)|header|querystring", line):
            yield name, "writes keys into the access log"
        if not isinstance(json.loads(line), dict):
            yield name, "writes an access log that is not JSON"


def _method_path(path: str) -> str:
    """Return a path as method settings name it. The root is a plain slash there."""
    return path if path == "/" else f"/{path.replace('/', '~1')}"


def custom_domain(stack: Stack) -> Iterator[Breach]:
    """A domain name is regional, requires TLS 1.2, serves the stage at its root, and its record points at it."""
    mappings = stack.of("AWS::ApiGateway::BasePathMapping").values()
    for name, domain in stack.of("AWS::ApiGateway::DomainName").items():
        if domain.get("SecurityPolicy") != "TLS_1_2":
            yield name, "accepts TLS older than 1.2"
        if domain.get("EndpointConfiguration") != {"Types": ["REGIONAL"]} or "RegionalCertificateArn" not in domain:
            yield name, "is not a regional domain name"
        own = [each for each in mappings if target(each["DomainName"]) == name]
        if not any("Stage" in each and target(each.get("RestApiId")) for each in own):
            yield name, "has no mapping to a stage"
        if any("BasePath" in each for each in own):
            yield name, "has the API below a path"
    for name, record in stack.of("AWS::Route53::RecordSet").items():
        if target(record.get("AliasTarget", {}).get("DNSName")) not in stack.of("AWS::ApiGateway::DomainName"):
            yield name, "does not point at the domain name"


def web_acl(stack: Stack) -> Iterator[Breach]:
    """A web ACL protects the API, limits each address, blocks no request for its body, and stores no key."""
    guarded = {target(each["WebACLArn"]) for each in stack.of("AWS::WAFv2::WebACLAssociation").values()}
    for name, acl in stack.of("AWS::WAFv2::WebACL").items():
        if name not in guarded:
            yield name, "protects no API"
        for at in [acl, *acl["Rules"]]:
            if at["VisibilityConfig"]["SampledRequestsEnabled"]:
                yield name, f"keeps samples of requests, which hold API keys ({at.get('Name', 'by default')})"
            if PSEUDO["AWS::StackName"] not in at["VisibilityConfig"]["MetricName"]:
                yield name, f"shares its metric with other stacks ({at.get('Name', 'by default')})"
        protected = [each["Field"] for each in acl.get("DataProtectionConfig", {}).get("DataProtections", [])]
        if {"FieldType": "SINGLE_HEADER", "FieldKeys": ["x-api-key"]} not in protected:
            yield name, "writes keys into logs"
        if not any("RateBasedStatement" in rule["Statement"] for rule in acl["Rules"]):
            yield name, "does not limit the requests of one address"
        for rule in acl["Rules"]:
            group = rule["Statement"].get("ManagedRuleGroupStatement")
            if group is not None:
                yield from _bodies_are_counted(name, group)


def _bodies_are_counted(name: str, group: Template) -> Iterator[Breach]:
    counted = {each["Name"] for each in group.get("RuleActionOverrides", []) if each["ActionToUse"].keys() == {"Count"}}
    if group["Name"] not in LOOKS_INTO_BODIES:
        yield name, f"uses {group['Name']}, which is not in LOOKS_INTO_BODIES"
    for rule in sorted(LOOKS_INTO_BODIES.get(group["Name"], set()) - counted):
        yield name, f"may refuse a request for its body ({rule})"
