"""A deployment's whole life in an empty account of the emulator: `make deploy` and `make undeploy` as users run them.

Each step is a fixture that does it once and notes how everything is afterwards; the tests read those notes. A step asks
for the one before it, so that any test can be run alone.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml

from tests.local.account import Account, Things, differences
from tests.local.launched import ROOT, launched

pytestmark = pytest.mark.stack

BUILT = ROOT / ".aws-sam" / "build" / "template.yaml"
STACK, OTHER = "driftguard", "driftguard-prod"
MAIL = "EmailFrom=drift@example.com"
MONITORED = ("AlarmEmail=you@example.com", "Alarms=all", "ApiLogging=create-role")
BATCH = {"batch_id": "first", "predictions": [{"features": {"tenure": n}, "prediction": n / 20} for n in range(20)]}
# Made anew whenever what they hold changes: a version of a layer or a function, a snapshot of the API.
VERSIONS = re.compile(r"DriftGuardLayer|ApiDeployment|\w+FunctionVersion[0-9a-f]{10}$")


@dataclass(frozen=True)
class After:
    """A step's command, and how the account and the stack were when it had ended."""

    run: CompletedProcess[str]
    things: Things
    status: str = ""
    parameters: Any = None
    outputs: Any = None
    resources: Any = None

    def only(self, kind: str) -> Any:
        """What is told of the one thing of this kind in the stack."""
        (found,) = self.of(kind)
        return found

    def of(self, kind: str) -> list[Any]:
        """What is told of each thing of this kind in the stack."""
        own = {*map(str, self.resources.values())}
        named = {name: told for name, told in self.things.items() if name.startswith(f"{kind} ")}
        return [told for name, told in named.items() if name.removeprefix(f"{kind} ") in own]

    @property
    def data(self) -> Things:
        """The items of every table of the account."""
        return {name: told["items"] for name, told in self.things.items() if name.startswith("table ")}


@dataclass(frozen=True)
class Tenant:
    """An organization with one model and one batch of predictions."""

    account: Account
    url: str
    key: str
    model_id: str = ""

    def call(self, method: str, path: str, **options: Any) -> Any:
        return self.account.http(method, self.url + path, headers={"x-api-key": self.key}, **options)

    def log(self) -> Any:
        """Log the batch; again, it changes nothing and is answered as before."""
        return self.call("POST", "/predictions/batch", json={"model_id": self.model_id, **BATCH})


def note(account: Account, run: CompletedProcess[str], name: str = STACK) -> After:
    """How everything is now."""
    told = account.stack(name)
    return After(
        run,
        account.things(),
        told["StackStatus"],
        {one["ParameterKey"]: one["ParameterValue"] for one in told["Parameters"]},
        account.outputs(name),
        account.resources(name),
    )


def succeeded(run: CompletedProcess[str]) -> CompletedProcess[str]:
    """The command, which must have ended well."""
    assert run.returncode == 0, run.stdout[-6000:]
    return run


def tenant(account: Account, outputs: dict[str, str]) -> Tenant:
    """An organization and an admin's key, made as docs/deploy.md says."""
    function = outputs["ManageOrganizationsFunction"]
    made = account.invoke(function, {"action": "create_organization", "name": "Acme"})
    wanted = {"action": "issue_key", "organization_id": made["organization_id"], "role": "admin", "name": "platform"}
    return Tenant(account, outputs["ApiUrl"], account.invoke(function, wanted)["api_key"])


def whole() -> Any:
    """The built template, readable from any folder."""
    template = yaml.safe_load(BUILT.read_text())
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        for key in ("CodeUri", "ContentUri"):
            if key in properties:
                properties[key] = str(BUILT.parent / name)
    return template


def built(account: Account, stack: str) -> Any:
    """The built template with the layers that a stack has: SAM need not pack 200 MB to learn that they are there."""
    deployed = account.aws("cloudformation").get_template(StackName=stack, TemplateStage="Original")["TemplateBody"]
    deployed = deployed if isinstance(deployed, dict) else yaml.safe_load(deployed)
    template = whole()
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = deployed["Resources"][name]["Properties"]["ContentUri"]
    return template


def break_(template: Any, *after: str) -> None:
    """Add a queue that cannot be made, once everything named is: its dead letters would go to one that is not there."""
    missing = {"Fn::Sub": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:missing"}
    template["Resources"]["BrokenQueue"] = {
        "Type": "AWS::SQS::Queue",
        "DependsOn": ["Api", "UsagePlan", "ScheduleRule", "CheckDriftFunction", "UploadsBucket", *after],
        "Properties": {"RedrivePolicy": {"deadLetterTargetArn": missing, "maxReceiveCount": 3}},
    }


def written(template: Any, path: Path) -> Path:
    """The file that now holds the template."""
    path.write_text(yaml.safe_dump(template, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account without anything in it."""
    assert BUILT.exists(), "run `make build` first"
    with launched(tmp_path_factory.mktemp("account"), template=BUILT, module="tests.local.empty") as emulator:
        yield Account(emulator.stack["aws_endpoint"], tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def created(account: Account) -> After:
    """The built template, deployed for the first time."""
    return note(account, succeeded(account.deploy(BUILT, MAIL, *MONITORED)))


@pytest.fixture(scope="module")
def acme(account: Account, created: After) -> Tenant:
    """Somebody who uses it."""
    made = tenant(account, created.outputs)
    model = made.call("POST", "/models", json={"name": "churn"})
    assert model.status_code == 201, model.text
    return Tenant(account, made.url, made.key, model.json()["id"])


@pytest.fixture(scope="module")
def logged(acme: Tenant) -> Any:
    """The answer to what was logged."""
    answer = acme.log()
    assert answer.status_code == 202, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def again(account: Account, logged: Any) -> After:
    """The same deployed once more."""
    return note(account, succeeded(account.deploy(BUILT, MAIL, *MONITORED)))


@pytest.fixture(scope="module")
def second(account: Account, again: After, tmp_path_factory: pytest.TempPathFactory) -> After:
    """Another stack beside it, by the other environment of samconfig.toml."""
    template = written(built(account, STACK), tmp_path_factory.mktemp("second") / "template.yaml")
    return note(account, succeeded(account.deploy(template, MAIL, "ApiLogging=account-role", config="prod")), OTHER)


@pytest.fixture(scope="module")
def neighbour(account: Account, second: After) -> Tenant:
    """Somebody who uses the other stack."""
    return tenant(account, second.outputs)


@pytest.fixture(scope="module")
def beside(account: Account, again: After, neighbour: Tenant) -> Things:
    """All that is the other stack's."""
    return {name: told for name, told in account.things().items() if name not in again.things}


@pytest.fixture(scope="module")
def changed(account: Account, created: After, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built template with a function and a layer that are changed, as a new version of the application has."""
    folder = tmp_path_factory.mktemp("changed")
    shutil.copytree(BUILT.parent / "ServeStatusFunction", folder / "function")
    shutil.copytree(BUILT.parent / "DriftGuardLayer", folder / "layer")
    (folder / "layer" / "python" / "added.py").write_text('WORD = "+new"\n')
    app = folder / "function" / "app.py"
    code = app.read_text().replace("app.environment.version", "app.environment.version + added.WORD")
    imports = "from driftguard.platform import aws"
    app.write_text(code.replace(imports, f"import added\n{imports}"))
    template = built(account, STACK)
    template["Resources"]["ServeStatusFunction"]["Properties"]["CodeUri"] = str(folder / "function")
    template["Resources"]["DriftGuardLayer"]["Properties"]["ContentUri"] = str(folder / "layer")
    template["Resources"]["ServeStatusFunction"]["Properties"]["Environment"]["Variables"]["VERSION"] = "9.9.9"
    template["Parameters"]["LogLevel"]["Default"] = "DEBUG"
    return written(template, folder / "template.yaml")


@pytest.fixture(scope="module")
def updated(account: Account, beside: Things, changed: Path, acme: Tenant) -> After:
    """The new version with other parameters; those not given stay as they were."""
    parameters = ("LogRetentionDays=7", "ThrottleRate=20", "QuotaPerDay=100000", "CheckConcurrency=7")
    run = succeeded(account.deploy(changed, MAIL, *parameters, "ScheduleState=DISABLED"))
    return note(account, run)


@pytest.fixture(scope="module")
def broken(account: Account, updated: After, changed: Path) -> After:
    """An update that changes much, puts another table in one's place, and ends at a queue that cannot be made."""
    template = yaml.safe_load(changed.read_text())
    resources = template["Resources"]
    predictions = resources["PredictionsTable"]["Properties"]
    del predictions["LocalSecondaryIndexes"]
    predictions["AttributeDefinitions"] = [{"AttributeName": "id", "AttributeType": "S"}]
    predictions["KeySchema"] = [{"AttributeName": "id", "KeyType": "HASH"}]
    resources["AddedTable"] = {"Type": "AWS::DynamoDB::Table", "Properties": resources["ModelsTable"]["Properties"]}
    status = resources["ServeStatusFunction"]["Properties"]
    status["CodeUri"] = str(BUILT.parent / "ServeStatusFunction")
    status["Events"]["Added"] = {
        "Type": "Api",
        "Properties": {"RestApiId": {"Ref": "Api"}, "Method": "get", "Path": "/a"},
    }
    break_(template, "AddedTable", "PredictionsTable")
    path = written(template, changed.with_name("broken.yaml"))
    parameters = (
        "LogRetentionDays=14",
        "ThrottleRate=5",
        "QuotaPerDay=0",
        "CheckConcurrency=9",
        "ScheduleState=ENABLED",
    )
    return note(account, account.deploy(path, MAIL, *parameters, "Alarms=none"))


@pytest.fixture(scope="module")
def mended(account: Account, broken: After, changed: Path) -> After:
    """An update that is right again."""
    return note(account, succeeded(account.deploy(changed, MAIL, "LogRetentionDays=14")))


@pytest.fixture(scope="module")
def gone(account: Account, mended: After, acme: Tenant) -> After:
    """The first stack taken away, while its bucket holds a file."""
    bucket = mended.resources["UploadsBucket"]
    account.aws("s3").put_object(Bucket=bucket, Key="forgotten", Body=b"a,b\n1,2\n")
    return After(succeeded(account.undeploy(STACK)), account.things())


@pytest.fixture(scope="module")
def refused(account: Account, gone: After) -> After:
    """The other stack's removal asked for while its tables are protected."""
    return note(account, account.undeploy(OTHER, config="prod"), OTHER)


@pytest.fixture(scope="module")
def empty(account: Account, refused: After, tmp_path_factory: pytest.TempPathFactory) -> After:
    """The other stack taken away too, once that was allowed."""
    template = written(built(account, OTHER), tmp_path_factory.mktemp("other") / "template.yaml")
    succeeded(account.deploy(template, MAIL, "DeletionProtection=false", config="prod"))
    return After(succeeded(account.undeploy(OTHER, config="prod")), account.things())


@pytest.fixture(scope="module")
def failed(account: Account, empty: After, tmp_path_factory: pytest.TempPathFactory) -> After:
    """A first deployment that ends at a queue that cannot be made."""
    template = whole()
    break_(template)
    path = written(template, tmp_path_factory.mktemp("failed") / "template.yaml")
    run = account.deploy(path, MAIL)
    return After(run, account.things(), account.stack(STACK)["StackStatus"])


# Create


def test_a_first_deployment_makes_the_stack_and_tells_where_it_is(created: After) -> None:
    """Its outputs name what it made; all alarms are there, and the address that is told about them."""
    resources, outputs = created.resources, created.outputs
    assert created.status == "CREATE_COMPLETE"
    assert outputs == {
        "ApiUrl": f"https://{resources['Api']}.execute-api.eu-west-1.amazonaws.com/v1",
        "ApiId": resources["Api"],
        "ManageOrganizationsFunction": resources["ManageOrganizationsFunctionAliaslive"],
        "ScheduleRule": resources["ScheduleRule"],
        "DriftAlertsTopic": resources["DriftAlertsTopic"],
        "AlarmTopic": resources["AlarmTopic"],
    }
    assert len(created.of("alarm")) == len([name for name in resources if name.endswith("Alarm")]) > 10
    assert "you@example.com" in {told["Endpoint"] for told in created.of("subscription")}
    assert created.things["API account"].endswith(f":role/{resources['ApiLogRole']}")


def test_what_was_made_serves(account: Account, created: After, acme: Tenant, logged: Any) -> None:
    """The service is healthy, and with a key that was issued a model is made and predictions are taken."""
    health = account.http("GET", f"{created.outputs['ApiUrl']}/health")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    assert account.http("GET", f"{acme.url}/models").status_code == 403
    assert [model["id"] for model in acme.call("GET", "/models").json()] == [acme.model_id]
    assert (logged["accepted"], logged["rejected"]) == (20, 0)


def test_a_deployment_without_a_change_says_so(again: After, created: After) -> None:
    """It succeeds, and leaves everything as it is."""
    assert "No changes to deploy" in again.run.stdout
    assert (again.status, again.resources) == ("CREATE_COMPLETE", created.resources)


def test_two_stacks_live_side_by_side(second: After, neighbour: Tenant, acme: Tenant, beside: Things) -> None:
    """The second one shares nothing with the first: neither a resource nor a key opens both."""
    assert second.status == "CREATE_COMPLETE"
    assert {name.partition(" ")[0] for name in beside} >= {"table", "queue", "function", "layer", "role", "rule", "API"}
    assert neighbour.call("GET", "/me").json()["organization"]["name"] == "Acme"
    assert Tenant(neighbour.account, neighbour.url, acme.key).call("GET", "/me").status_code == 403
    assert neighbour.call("GET", "/models").json() == []


# Update


def test_an_update_changes_what_it_says(updated: After, acme: Tenant) -> None:
    """Each service has the new settings, and the API answers with the new function out of the new layer."""
    assert updated.status == "UPDATE_COMPLETE"
    assert set(updated.of("log group")) == {7}
    assert updated.only("usage plan")["throttle"] == {"rateLimit": 20.0, "burstLimit": 100}
    assert updated.only("usage plan")["quota"] == {"limit": 100000, "period": "DAY"}
    assert [rule["State"] for rule, _ in updated.of("rule") if "ScheduleExpression" in rule] == ["DISABLED"]
    scalings = [one["ScalingConfig"] for one in updated.of("event source mapping") if one["ScalingConfig"]]
    assert sorted(one["MaximumConcurrency"] for one in scalings) == [7, 10]
    assert acme.call("GET", "/health").json()["version"] == "9.9.9+new"
    assert updated.parameters["AlarmEmail"] == "you@example.com"


def test_an_update_says_what_it_sends_and_keeps(created: After, updated: After) -> None:
    """The command lists parameters that it sends, those that the stack keeps, and defaults that changed."""
    sent, _, rest = updated.run.stdout.partition("Parameters that keep the stack's value:")
    kept, _, changed = rest.partition("Defaults that changed.")
    assert "  LogRetentionDays=7\n" in sent
    assert "  AlarmEmail=you@example.com\n" in kept
    assert "  LogLevel: INFO became DEBUG. The stack keeps INFO.\n" in changed
    assert updated.parameters["LogLevel"] == "INFO"
    first, _, defaults = created.run.stdout.partition("Defaults:")
    assert "  EmailFrom=drift@example.com\n" in first
    assert "  LogLevel=INFO\n" in defaults


def test_an_update_keeps_what_is_there(updated: After, created: After) -> None:
    """Every resource is the one it was, but for versions of what changed, and the alarm of a schedule that stopped."""
    stay = {name: one for name, one in created.resources.items() if not VERSIONS.match(name)}
    del stay["ScheduleMissedAlarm"]
    assert {name: one for name, one in updated.resources.items() if not VERSIONS.match(name)} == stay
    assert updated.outputs == created.outputs


def test_an_update_keeps_all_data(updated: After, again: After, acme: Tenant, logged: Any) -> None:
    """Each item of each table is as it was; keys still open, and a repeated batch is known."""
    assert differences(again.data, {name: updated.data.get(name) for name in again.data}) == {}
    assert sum(map(len, again.data.values())) > 0
    assert acme.log().json() == logged


def test_an_update_leaves_the_other_stack_alone(updated: After, beside: Things) -> None:
    """Nothing of it is touched."""
    assert differences(beside, {name: updated.things.get(name) for name in beside}) == {}


# Rollback


def test_a_broken_update_is_rolled_back(broken: After) -> None:
    """The command fails and names what could not be made."""
    assert broken.status == "UPDATE_ROLLBACK_COMPLETE"
    assert broken.run.returncode == 1
    assert re.search(r"UPDATE_FAILED +AWS::SQS::Queue +BrokenQueue", broken.run.stdout)
    for kind, name in (
        ("DynamoDB::Table", "PredictionsTable"),
        ("DynamoDB::Table", "AddedTable"),
        ("Events::Rule", "Sch"),
    ):
        assert re.search(rf"UPDATE_COMPLETE +AWS::{kind} +{name}", broken.run.stdout), "it was changed meanwhile"


def test_after_a_rollback_all_is_as_before(broken: After, updated: After) -> None:
    """Settings, code, routes, data: nothing of the broken update is left, of either stack nothing is missing."""
    assert differences(updated.things, broken.things) == {}
    assert broken.parameters == updated.parameters
    assert (broken.resources, broken.outputs) == (updated.resources, updated.outputs)


def test_after_a_rollback_it_serves_as_before(broken: After, acme: Tenant, logged: Any) -> None:
    """The version before is the one that answers, the new route is none, and a repeated batch is known."""
    assert acme.call("GET", "/health").json()["version"] == "9.9.9+new"
    assert acme.call("GET", "/a").status_code == 404
    assert acme.log().json() == logged


def test_after_a_rollback_the_next_update_works(mended: After, broken: After) -> None:
    """It changes what it says and nothing else."""
    assert mended.status == "UPDATE_COMPLETE"
    assert set(mended.of("log group")) == {14}
    assert {name.rpartition(" ")[0] for name in differences(broken.things, mended.things)} == {"log group"}


# Delete


def test_nothing_is_deleted_by_a_slip(account: Account, mended: After) -> None:
    """Whoever does not type the stack's name keeps it."""
    run = account.undeploy("yes")
    assert (run.returncode, "nothing was deleted" in run.stdout) == (1, True)
    assert account.stack(STACK)["StackStatus"] == mended.status


def test_a_stack_goes_with_all_it_held(gone: After, mended: After, beside: Things, account: Account) -> None:
    """But for the role that API Gateway writes logs with, which is the account's, and SAM's own bucket."""
    role = mended.resources["ApiLogRole"]
    left = {name for name in gone.things if name not in beside}
    (bucket,) = (name for name in left if name.startswith("bucket "))
    assert bucket.startswith("bucket aws-sam-cli-managed-default")
    assert left == {bucket, f"role {role}", "API account"}
    assert gone.things["API account"].endswith(f":role/{role}")
    assert "1 API keys deleted\n1 uploaded files deleted" in gone.run.stdout
    (status,) = (
        one["StackStatus"]
        for one in account.aws("cloudformation").list_stacks()["StackSummaries"]
        if one["StackName"] == STACK
    )
    assert status == "DELETE_COMPLETE"


def test_the_other_stack_stays_whole(gone: After, beside: Things, neighbour: Tenant) -> None:
    """Everything of it is as it was, and it serves."""
    assert differences(beside, {name: gone.things.get(name) for name in beside}) == {}
    assert neighbour.call("GET", "/me").status_code == 200


def test_protected_tables_keep_their_stack(refused: After, gone: After) -> None:
    """The refusal comes before anything is deleted, and says how to switch the protection off."""
    assert refused.run.returncode == 1
    assert "make deploy CONFIG=prod PARAMETERS=DeletionProtection=false" in refused.run.stdout
    assert differences(gone.things, refused.things) == {}


def test_in_the_end_nothing_is_left(empty: After, mended: After) -> None:
    """The account is as it was, but for the role and SAM's own bucket."""
    (bucket,) = (name for name in empty.things if name.startswith("bucket "))
    assert empty.things.keys() == {bucket, f"role {mended.resources['ApiLogRole']}", "API account"}


def test_a_first_deployment_that_fails_leaves_nothing(failed: After, empty: After, account: Account) -> None:
    """But for the role, as above; what is left of the stack is taken away like a whole one."""
    assert (failed.run.returncode, failed.status) == (1, "ROLLBACK_COMPLETE")
    assert "BrokenQueue" in failed.run.stdout
    # The emulator makes names of the stack and the resource alone, so this role is the one that is there already.
    assert failed.things.keys() == empty.things.keys()
    succeeded(account.undeploy(STACK))
    assert account.things().keys() == failed.things.keys()
    assert STACK not in {one["StackName"] for one in account.aws("cloudformation").describe_stacks()["Stacks"]}
