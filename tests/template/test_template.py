"""What the template promises the code, and the code the template."""

import json
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cfnlint.helpers import REGIONS
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from bench.cost import prices
from driftguard import all_tables
from driftguard.checks import triggers
from driftguard.counting import folding
from driftguard.notifications import delivery
from driftguard.platform.dynamodb import Table
from driftguard.platform.environment import Environment
from rules.alarms import OWN_METRICS
from rules.deployments import DEPLOYMENTS, EVERYTHING
from rules.stack import target
from rules.template import load, refusals, resolve, transform
from sandbox import stack
from sandbox.roles import granted

ROOT = Path(__file__).parents[2]

ROUTES = {
    "/": "GET",
    "/alert-channels": "GET POST",
    "/alert-channels/{channel_id}": "GET PATCH DELETE",
    "/alert-channels/{channel_id}/test": "POST",
    "/dashboard": "GET",
    "/dashboard/{proxy+}": "GET",
    "/docs": "GET",
    "/drift/alerts": "GET",
    "/drift/alerts/{alert_id}": "GET",
    "/drift/alerts/{alert_id}/acknowledge": "POST",
    "/drift/alerts/{alert_id}/resolve": "POST",
    "/drift/alerts/{alert_id}/snooze": "POST",
    "/activity": "GET",
    "/drift/models/{model_id}/alerts": "GET",
    "/drift/models/{model_id}/check": "POST",
    "/drift/models/{model_id}/compare": "GET",
    "/drift/models/{model_id}/history": "GET",
    "/drift/models/{model_id}/report": "GET",
    "/drift/models/{model_id}/simulate": "POST",
    "/health": "GET",
    "/me": "GET",
    "/models": "GET POST",
    "/models/{model_id}": "GET PATCH DELETE",
    "/models/{model_id}/baseline": "GET PUT",
    "/models/{model_id}/baseline/performance": "PUT",
    "/models/{model_id}/baseline/uploads": "POST",
    "/models/{model_id}/baseline/uploads/{upload_id}": "GET",
    "/models/{model_id}/baselines": "GET",
    "/models/{model_id}/baselines/{version}/restore": "POST",
    "/models/{model_id}/labels": "POST",
    "/models/{model_id}/labels/status": "GET",
    "/models/{model_id}/labels/uploads": "POST",
    "/models/{model_id}/labels/uploads/{upload_id}": "GET",
    "/models/{model_id}/performance": "GET",
    "/models/{model_id}/predictions": "GET",
    "/openapi.json": "GET",
    "/labels": "POST",
    "/predictions": "POST",
    "/predictions/batch": "POST",
    "/scheduler/status": "GET",
}
"""The HTTP contract."""

UNDESCRIBED = {"/", "/dashboard", "/dashboard/{proxy+}", "/docs", "/openapi.json"}
"""Routes for people, or the description itself."""

FOR_LIBRARIES = re.compile(r"POWERTOOLS_\w+|\w+_TABLE|VERSION")
"""Variables that Powertools, the tables and the status read by themselves."""


def functions() -> dict[str, dict[str, Any]]:
    """The functions' properties by the name of their folder, as deployed by default."""
    resources = stack.source()["Resources"]
    return {
        resources[name]["Properties"]["CodeUri"].removeprefix("functions/"): resource["Properties"]
        for name, resource in stack.resolved()["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
    }


def variables(code: str, **parameters: str) -> dict[str, Any]:
    """The environment of a function, deployed with these parameters."""
    logical = "".join(word.capitalize() for word in code.split("_")) + "Function"
    resource = stack.resolved(**parameters)["Resources"][logical]
    found: dict[str, Any] = resource["Properties"]["Environment"]["Variables"]
    return found


def actions(code: str, **parameters: str) -> set[str]:
    """What the role of a function allows anywhere, deployed with these parameters."""
    resources = stack.resolved(**parameters)["Resources"]
    role = "".join(word.capitalize() for word in code.split("_")) + "Role"
    return {
        action
        for policy in resources[role]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for action in statement["Action"]
    }


def tables() -> Iterator[type[Table]]:
    """Every class of items."""
    yield from all_tables.ALL


def test_the_api_has_the_contracts_routes_and_no_others() -> None:
    """Methods and paths are those of the contract."""
    paths = stack.resolved()["Resources"]["Api"]["Properties"]["Body"]["paths"]
    found = {path: {method.upper() for method in item} - {"OPTIONS"} for path, item in paths.items()}
    assert found == {path: set(methods.split()) for path, methods in ROUTES.items()}


def test_the_api_describes_every_route_that_a_client_uses() -> None:
    """The OpenAPI document, made from the handlers, names the same routes as the gateway's own definition."""
    document = json.loads((ROOT / "layers/driftguard/driftguard/openapi.json").read_text())
    described = {path: {method.upper() for method in item} for path, item in document["paths"].items()}
    assert described == {path: set(methods.split()) for path, methods in ROUTES.items() if path not in UNDESCRIBED}


@pytest.mark.parametrize("code", sorted(path.parent.name for path in ROOT.glob("functions/*/app.py")))
def test_a_function_is_given_the_variables_it_reads_and_no_others(code: str) -> None:
    """Whatever a handler takes from the environment is in its environment, and its environment holds nothing idle."""
    text = (ROOT / "functions" / code / "app.py").read_text()
    read = set(re.findall(r'environment\.text\("(\w+)"', text))
    for name in re.findall(r"environment\.(\w+)", text):
        if isinstance(getattr(Environment, name, None), property) and name != "version":
            read.add(name.upper())
    if "environment.notify_function" in text:
        read |= {f"{code.upper()}_FUNCTION" for code in functions() if code.startswith("notify_")}
    if "base_url" in text or "page_answer" in text:
        read.add("PUBLIC_URL")
    if ("dynamodb:PutItem", "AlertsTable") in granted(code):
        read.add("HISTORY_RETENTION_DAYS")  # by the table itself: how long a resolved alert is kept
    given = {name for name in variables(code) if not FOR_LIBRARIES.fullmatch(name)}
    assert given == read


def test_every_folder_of_functions_is_in_the_template() -> None:
    """No function is written and not deployed, and none is deployed that is not there."""
    assert set(functions()) == {path.parent.name for path in ROOT.glob("functions/*/app.py")}


def test_tables_have_the_keys_and_indexes_that_their_classes_use() -> None:
    """For each table the template's keys, indexes and projections are those of the classes that read and write it."""
    wanted: dict[str, dict[str, Any]] = {}
    for table in tables():
        indexes = wanted.setdefault(f"{table.table_setting.capitalize()}Table", {})
        for name, index in table._indexes.items():
            indexes[name] = shape(dict(index._get_schema()), "key_schema", "projection")
    found: dict[str, dict[str, Any]] = {}
    for name, resource in stack.resolved()["Resources"].items():
        if resource["Type"] == "AWS::DynamoDB::Table":
            properties = resource["Properties"]
            assert [key["AttributeName"] for key in properties["KeySchema"]] == ["pk", "sk"]
            found[name] = {
                index["IndexName"]: shape(index, "KeySchema", "Projection")
                for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes")
                for index in properties.get(kind, [])
            }
    assert found == wanted


def shape(index: dict[str, Any], keys: str, projection: str) -> tuple[dict[str, str], str, list[str]]:
    """An index's keys and what it holds besides."""
    return (
        {key["KeyType"]: key["AttributeName"] for key in index[keys]},
        index[projection]["ProjectionType"],
        sorted(index[projection].get("NonKeyAttributes", [])),
    )


def test_the_channels_function_calls_the_notifiers_by_their_own_names() -> None:
    """The names that break the circle between API and notifiers are the same in all three places."""
    resources = stack.resolved()["Resources"]
    given = variables("manage_channels")
    statements = resources["ManageChannelsRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    allowed = next(each for each in statements if each["Action"] == ["lambda:InvokeFunction"])["Resource"]
    names = {code: each["FunctionName"] for code, each in functions().items() if code.startswith("notify_")}
    called = {code: f"{name}:live" for code, name in names.items()}
    assert {code: given[f"{code.upper()}_FUNCTION"] for code in names} == called
    assert set(allowed) == {f"arn:aws:lambda:eu-west-1:123456789012:function:{name}" for name in called.values()}
    assert max(map(len, names.values())) <= 64


def test_messages_link_to_the_public_url_or_to_the_api_itself() -> None:
    """PublicUrl reaches every message; without it a notifier is told the API's own address."""
    assert variables("notify_email", PublicUrl="https://drift.example.com")["PUBLIC_URL"] == "https://drift.example.com"
    assert target(variables("notify_email")["PUBLIC_URL"]) == ""
    assert "${Api}.execute-api.eu-west-1.amazonaws.com" in json.dumps(variables("notify_slack")["PUBLIC_URL"])
    assert variables("query_drift")["PUBLIC_URL"] == ""


def test_the_mail_function_may_only_use_the_way_out_that_was_chosen() -> None:
    """SES is allowed with SES alone, the secret with a secret alone."""
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:smtp-AbCdEf"
    mail, read = {"ses:SendEmail", "ses:SendRawEmail"}, {"secretsmanager:GetSecretValue"}
    assert actions("notify_email") & (mail | read) == mail
    assert actions("notify_email", EmailTransport="log") & (mail | read) == set()
    by_smtp = actions("notify_email", EmailTransport="smtp", SmtpHost="smtp.example.com", SmtpSecretArn=secret)
    assert by_smtp & (mail | read) == read


def test_a_quota_is_set_only_when_one_is_asked_for() -> None:
    """QuotaPerDay 0 means none."""
    assert "Quota" not in stack.resolved()["Resources"]["UsagePlan"]["Properties"]
    plan = stack.resolved(QuotaPerDay="1000")["Resources"]["UsagePlan"]["Properties"]
    assert plan["Quota"] == {"Limit": "1000", "Period": "DAY"}


def alarms_of(resources: Any) -> set[str]:
    """The logical ids of the alarms."""
    return {name for name, resource in resources.items() if resource["Type"] == "AWS::CloudWatch::Alarm"}


def test_by_default_only_the_essential_alarms_are_created() -> None:
    """An essential alarm means that nobody is watching or nobody is told; the others are created by Alarms=all."""
    essential = alarms_of(stack.resolved()["Resources"])
    assert essential == {
        "ScheduleMissedAlarm",
        "ScheduleDeadLetterAlarm",
        "CheckFailedAlarm",
        "CheckDeadLetterAlarm",
        "ApiErrorsAlarm",
        "DeliveriesFailedAlarm",
        "EmailDeadLetterAlarm",
        "SlackDeadLetterAlarm",
        "WebhookDeadLetterAlarm",
    }
    assert essential < alarms_of(stack.resolved(Alarms="all")["Resources"])


def test_a_stack_that_was_deployed_with_older_names_keeps_its_alarms() -> None:
    """CloudFormation sends the previous value again, and earlier versions knew only true and false."""
    assert alarms_of(stack.resolved(Alarms="true")["Resources"]) == alarms_of(stack.resolved(Alarms="all")["Resources"])
    assert alarms_of(stack.resolved(Alarms="false")["Resources"]) == set()


@pytest.mark.parametrize("alarms", ["none", "false"])
def test_no_alarms_means_none_of_them_and_no_topic_for_them(alarms: str) -> None:
    """Alarms=none leaves nothing behind that is charged."""
    resources = stack.resolved(Alarms=alarms, AlarmEmail="ops@example.com")["Resources"]
    assert not [name for name, resource in resources.items() if resource["Type"] == "AWS::CloudWatch::Alarm"]
    assert "AlarmTopic" not in resources
    assert "AlarmSubscription" not in resources


def test_alarms_and_dashboard_watch_metrics_that_the_code_writes() -> None:
    """Each of the functions' own metrics has an alarm and is on the dashboard; the code writes no other."""
    folders = (ROOT / "layers/driftguard/driftguard", ROOT / "functions")
    code = "\n".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))
    calls = re.findall(r"(?<![.\w])count\((\".*)\)", code)
    written = {name for call in calls for name in re.findall(r'"([A-Z]\w+)"', call)}
    assert "add_metric(" not in code.replace("metrics.add_metric(name=name", "", 1)
    resources = stack.resolved(Alarms="all", Dashboard="true")["Resources"]
    alarmed = {
        resource["Properties"]["MetricName"]
        for resource in resources.values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
        and resource["Properties"].get("Namespace", "").startswith("DriftGuard/")
    }
    body = resources["OperationsDashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    shown = set(re.findall(r'\["DriftGuard/a-stack", "(\w+)"', body))
    assert alarmed == shown == written == OWN_METRICS


def test_the_fixed_cost_is_at_most_three_dollars() -> None:
    """README and docs/cost.md have the same number, and the one for every alarm with the dashboard."""
    default, everything = (
        prices.total_of(prices.fixed_lines(**each)) for each in ({}, {"Alarms": "all", "Dashboard": "true"})
    )
    assert default <= prices.MOST_FIXED
    for page in ("README.md", "docs/cost.md"):
        text = (ROOT / page).read_text()
        assert re.search(rf"\$\*{{0,2}}{default:.2f}", text), page
        assert f"${everything:.2f}" in text, page


def test_what_is_optional_is_not_there_unless_asked_for() -> None:
    """By default there is no web ACL, no domain name, no reservation and no customer's key."""
    optional = {
        "AWS::ApiGateway::Account",
        "AWS::ApiGateway::BasePathMapping",
        "AWS::ApiGateway::DomainName",
        "AWS::CodeDeploy::Application",
        "AWS::CodeDeploy::DeploymentGroup",
        "AWS::Route53::RecordSet",
        "AWS::WAFv2::WebACL",
        "AWS::WAFv2::WebACLAssociation",
    }
    everything = stack.resolved(**EVERYTHING)["Resources"].values()
    assert optional <= {resource["Type"] for resource in everything}
    assert any("ReservedConcurrentExecutions" in resource.get("Properties", {}) for resource in everything)
    plain = stack.resolved()["Resources"].values()
    assert not optional & {resource["Type"] for resource in plain}
    assert not any("ReservedConcurrentExecutions" in resource.get("Properties", {}) for resource in plain)
    assert "arn:aws:kms" not in json.dumps(list(plain))
    assert "kms:Decrypt" not in json.dumps(list(plain))


def test_a_domain_name_is_where_everything_leads() -> None:
    """Messages, the API's own links and the output follow DomainName; PublicUrl, where there is one, is before it."""
    domain = {"DomainName": "drift.example.com", "CertificateArn": EVERYTHING["CertificateArn"]}
    told = {**domain, "PublicUrl": "https://proxy.example.com"}
    for code, each in functions().items():
        if "PUBLIC_URL" in each["Environment"]["Variables"]:
            assert variables(code, **domain)["PUBLIC_URL"] == "https://drift.example.com"
            assert variables(code, **told)["PUBLIC_URL"] == "https://proxy.example.com"
    assert stack.resolved(**domain)["Outputs"]["ApiUrl"]["Value"] == "https://drift.example.com"
    assert "ApiDomainRecord" not in stack.resolved(**domain)["Resources"]
    mapping = stack.resolved(**domain)["Resources"]["ApiDomainMapping"]["Properties"]
    assert (target(mapping["RestApiId"]), target(mapping["Stage"])) == ("Api", "Apiv1Stage")


def test_a_web_acl_of_ones_own_stands_in_for_the_managed_one() -> None:
    """It is put in front of the same stage, and no other is made."""
    acl = "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/ours/1234"
    resources = stack.resolved(WafAclArn=acl)["Resources"]
    assert "WebAcl" not in resources
    assert resources["WebAclAssociation"]["Properties"]["WebACLArn"] == acl
    managed = stack.resolved(Waf="managed")["Resources"]["WebAclAssociation"]["Properties"]
    assert target(managed["WebACLArn"]) == "WebAcl"
    assert managed["ResourceArn"] == resources["WebAclAssociation"]["Properties"]["ResourceArn"]


def test_a_budget_counts_the_account_or_what_the_stacks_tag_marks() -> None:
    """StackName decides; the tag and its value are joined as AWS Budgets writes them."""

    def budget(**parameters: str) -> Any:
        template = resolve(load(ROOT / "budget.yaml"), {"MonthlyBudget": "50", "Email": "a@example.com", **parameters})
        return template["Resources"]["MonthlyCostBudget"]["Properties"]["Budget"]

    assert budget()["BudgetLimit"] == {"Amount": "50", "Unit": "USD"}
    assert "CostFilters" not in budget()
    own = budget(StackName="driftguard")["CostFilters"]
    assert own == {"TagKeyValue": ["aws:cloudformation:stack-name$driftguard"]}


def test_a_private_api_answers_through_its_endpoints_alone() -> None:
    """Its policy denies every other way. A regional API has no such statement."""
    private = stack.resolved(EndpointType="PRIVATE", VpcEndpointIds="vpce-1,vpce-2")["Resources"]["Api"]["Properties"]
    assert private["EndpointConfiguration"] == {"Types": ["PRIVATE"], "VpcEndpointIds": ["vpce-1", "vpce-2"]}
    _, deny = private["Body"]["x-amazon-apigateway-policy"]["Statement"]
    assert (deny["Effect"], deny["Principal"], deny["Resource"]) == ("Deny", "*", "execute-api:/*")
    assert deny["Condition"] == {"StringNotEquals": {"aws:SourceVpce": ["vpce-1", "vpce-2"]}}
    regional = stack.resolved()["Resources"]["Api"]["Properties"]
    assert regional["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert len(regional["Body"]["x-amazon-apigateway-policy"]["Statement"]) == 1


def test_every_function_runs_in_the_subnets() -> None:
    """With SubnetIds all functions are in the VPC, and their roles may attach them; without, none is."""
    resources = stack.resolved(SubnetIds="subnet-1,subnet-2", SecurityGroupIds="sg-1")["Resources"]
    for code, each in functions().items():
        name = "".join(map(str.capitalize, code.split("_"))) + "Function"
        properties = resources[name]["Properties"]
        assert properties["VpcConfig"] == {"SubnetIds": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}, name
        assert {"Ref": "NetworkPolicy"} in resources[target(properties["Role"])]["Properties"]["ManagedPolicyArns"]
        assert "VpcConfig" not in each


def test_gradual_deployments_roll_back_on_the_alarm_of_the_api() -> None:
    """Every alias has a deployment group with ApiErrorsAlarm. By default there is none."""
    gradual = stack.resolved(DeploymentPreference="Canary10Percent5Minutes")["Resources"]
    groups = {name for name, each in gradual.items() if each["Type"] == "AWS::CodeDeploy::DeploymentGroup"}
    aliases = [each for each in gradual.values() if each["Type"] == "AWS::Lambda::Alias"]
    moved = [each["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]["DeploymentGroupName"]["Ref"] for each in aliases]
    assert sorted(moved) == sorted(groups)
    assert len(groups) == len(functions())
    for name in groups:
        alarms = gradual[name]["Properties"]["AlarmConfiguration"]["Alarms"]
        assert [target(alarm["Name"]) for alarm in alarms] == ["ApiErrorsAlarm"]
    assert "UpdatePolicy" not in stack.resolved()["Resources"]["DashboardFunctionAliaslive"]


def test_another_value_of_a_parameter_is_another_layer() -> None:
    """A version's description has the numbers of its layers. So a parameter alone publishes every function."""

    def layers(template: Any) -> set[str]:
        return {name for name, each in template["Resources"].items() if each["Type"] == "AWS::Lambda::LayerVersion"}

    before = layers(stack.transformed())
    assert len(before & layers(transform(stack.source(), {"LogLevel": "DEBUG"}))) == len(before) - 1
    assert layers(transform(stack.source(), {"ThrottleRate": "7"})) == before


def test_the_texts_of_the_layers_hold_the_longest_parameters() -> None:
    """Lambda takes 256 characters of description and 512 of licence; no parameters that fit their rules exceed them."""

    def longest(part: Any) -> int:
        parameter = stack.source()["Parameters"].get(target(part), {})
        if parameter.get("Type") == "Number":
            return len(str(parameter["MaxValue"]))
        values = [len(str(value)) for value in parameter.get("AllowedValues", [])]
        return max(values) if values else int(parameter["MaxLength"]) if parameter else len(part)

    for layer in ("DriftGuardLayer", "DependenciesLayer"):
        properties = stack.source()["Resources"][layer]["Properties"]
        for key, most in (("Description", 256), ("LicenseInfo", 512)):
            separator, parts = properties[key]["Fn::Join"]
            assert sum(map(longest, parts)) + len(separator) * (len(parts) - 1) <= most, (layer, key)


def test_every_region_has_every_type_of_resource() -> None:
    """No parameter makes a resource that a region lacks; the budget, which many lack, has a template of its own."""
    everything = {each["Type"] for each in stack.transformed()["Resources"].values()}
    for region in REGIONS:
        assert everything <= set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region)), region


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, "EmailFrom is needed"),
        ({"EmailTransport": "smtp", "EmailFrom": "a@example.com"}, "SmtpHost is needed"),
        ({"EmailTransport": "log", "DomainName": "drift.example.com"}, "CertificateArn is needed"),
        ({"EmailTransport": "log", "HostedZoneId": "Z1"}, "DomainName is needed"),
        ({"EmailTransport": "log", "Waf": "managed", "WafAclArn": "arn"}, "give one of them"),
        ({"EmailTransport": "log", "SubnetIds": "subnet-1"}, "SecurityGroupIds is needed with SubnetIds"),
        ({"EmailTransport": "log", "EndpointType": "PRIVATE"}, "VpcEndpointIds is needed with EndpointType PRIVATE"),
        ({"EmailTransport": "log", "SecurityGroupIds": "sg-1"}, "SubnetIds is needed with SecurityGroupIds"),
        ({"EmailTransport": "log", "VpcEndpointIds": "vpce-1"}, "EndpointType PRIVATE is needed with VpcEndpointIds"),
        (
            {
                "EmailTransport": "log",
                "EndpointType": "PRIVATE",
                "VpcEndpointIds": "vpce-1",
                "DomainName": "drift.example.com",
                "CertificateArn": "arn",
            },
            "give PublicUrl",
        ),
        (
            {"EmailTransport": "log", "DeploymentPreference": "Canary10Percent5Minutes", "Alarms": "none"},
            "so it needs Alarms",
        ),
    ],
)
def test_parameters_that_do_not_fit_together_are_refused(parameters: dict[str, str], said: str) -> None:
    """CloudFormation says so before it makes anything."""
    (refusal,) = refusals(stack.source(), parameters)
    assert said in refusal


def test_the_deployments_that_the_rules_look_at_are_possible() -> None:
    """CloudFormation would take each of them, and every parameter that switches something is used in one."""
    for parameters in DEPLOYMENTS:
        assert refusals(stack.source(), {"EmailFrom": "drift@example.com", **parameters}) == []
    decides = set(re.findall(r'"Ref": "(\w+)"', json.dumps(stack.source()["Conditions"]))) - {"Alarms"}
    assert decides <= {name for parameters in DEPLOYMENTS for name in parameters}


def test_the_template_is_within_cloudformations_limits() -> None:
    """A megabyte, 500 resources and 200 parameters; everything on is the most that it can be."""
    assert len(json.dumps(stack.transformed())) < 900_000
    assert len(stack.resolved(**EVERYTHING)["Resources"]) < 450
    assert len(stack.source()["Parameters"]) < 200


def test_time_limits_of_template_and_code_fit_together() -> None:
    """What one part waits for lasts longer than the other part may take."""

    def timeout(code: str) -> timedelta:
        return timedelta(seconds=int(functions()[code]["Timeout"]))

    def delay(queue: str, key: str) -> timedelta:
        return timedelta(seconds=int(stack.resolved()["Resources"][queue]["Properties"][key]))

    gateway = timedelta(seconds=29)
    assert timeout("log_predictions") < folding.SETTLED
    assert timeout("log_predictions") < delay("EraseQueue", "DelaySeconds")
    assert max(timeout(code) for code in functions() if code.startswith("notify_")) < delivery.LEASE
    assert gateway > triggers.BY_HAND + triggers.MARGIN
    retries = int(stack.resolved()["Resources"]["CheckQueue"]["Properties"]["RedrivePolicy"]["maxReceiveCount"])
    assert retries * timedelta(seconds=triggers.BUSY_RETRY_SECONDS) > timeout("check_drift")


def test_production_settings_repeat_every_default() -> None:
    """`prod` in samconfig.toml inherits nothing, so it has whatever `default` has, and protects its data."""
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for command, section in config["default"].items():
        missing = set(section["parameters"]) - set(config["prod"][command]["parameters"])
        assert missing == set()
    overrides = dict(each.split("=") for each in config["prod"]["deploy"]["parameters"]["parameter_overrides"])
    assert set(overrides) <= set(stack.source()["Parameters"])
    assert overrides["DeletionProtection"] == overrides["PointInTimeRecovery"] == "true"


def test_the_version_is_the_projects() -> None:
    """What /health reports is the version of pyproject.toml. A parameter would keep its first value for ever."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    variables = stack.source()["Resources"]["ServeStatusFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["VERSION"] == project["version"]
    assert "Version" not in stack.source()["Parameters"]


@pytest.mark.parametrize(
    ("name", "is_whole"), [("smtp-AbCdEf", True), ("team/smtp-a1B2c3", True), ("smtp", False), ("smtp-abc", False)]
)
def test_a_partial_secret_arn_is_refused(name: str, is_whole: bool) -> None:
    """A role's policy finds a secret by its whole ARN, with the six characters that Secrets Manager adds."""
    pattern = stack.source()["Parameters"]["SmtpSecretArn"]["AllowedPattern"]
    arn = f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}"
    assert bool(re.fullmatch(pattern, arn)) == is_whole


def test_a_parameter_that_does_not_exist_is_an_error() -> None:
    """A misspelt parameter in a test or a deployment is named, not passed over."""
    with pytest.raises(KeyError, match="Architekture"):
        stack.resolved(Architekture="arm64")


def test_labels_have_queues_and_concurrency_of_their_own() -> None:
    """A storm of labels fills its own queue and uses its own functions, so it takes nothing from checks of drift.

    Each of the two functions is fed by one queue of its own with a limit of its own, one message and so one model at a
    time. Files of labels go by another way again.
    """
    resources = stack.source()["Resources"]
    fed = {
        name: [event["Properties"] for event in part["Properties"].get("Events", {}).values() if event["Type"] == "SQS"]
        for name, part in resources.items()
        if part["Type"] == "AWS::Serverless::Function"
    }
    (checks,), (joins,) = fed["CheckDriftFunction"], fed["JoinLabelsFunction"]
    assert str(checks["Queue"]) != str(joins["Queue"])
    assert [str(each["Queue"]) for events in fed.values() for each in events].count(str(joins["Queue"])) == 1
    limits = [each["ScalingConfig"]["MaximumConcurrency"] for each in (checks, joins)]
    assert str(limits[0]) != str(limits[1])
    assert [each["BatchSize"] for each in (checks, joins)] == [1, 1]
    queue = resources["JoinQueue"]["Properties"]
    assert (queue["FifoQueue"], queue["FifoThroughputLimit"]) == (True, "perMessageGroupId")
    assert fed["LoadLabelsFunction"] == []
    ways = ("JoinDeadLetterQueue", "CheckDeadLetterQueue", "LabelFilesDeadLetterQueue", "UploadsDeadLetterQueue")
    assert all(resources[name]["Type"] == "AWS::SQS::Queue" for name in ways)
