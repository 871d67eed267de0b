"""Rules about tables, queues, topics and buckets, and about their names."""

from collections.abc import Iterator

from rules.stack import Breach, Stack, policy_of, target
from rules.template import PSEUDO, Template

TABLES_WITHOUT_EXPIRY = {"OrganizationsTable"}
"""Tables whose items never expire."""

ACCOUNT_WIDE = (
    "AWS::ApiGateway::Account",
    "AWS::Budgets::Budget",
    "AWS::EC2::VPCEndpoint",
    "AWS::IAM::OIDCProvider",
    "AWS::IAM::ServiceLinkedRole",
    "AWS::Logs::AccountPolicy",
    "AWS::SES::EmailIdentity",
    "AWS::XRay::SamplingRule",
)
"""Types of resources that other applications of the account notice."""

NAMES = (
    ("AWS::CloudWatch::Alarm", "AlarmName"),
    ("AWS::CloudWatch::Dashboard", "DashboardName"),
    ("AWS::DynamoDB::Table", "TableName"),
    ("AWS::Events::Rule", "Name"),
    ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
    ("AWS::IAM::Role", "RoleName"),
    ("AWS::Lambda::Function", "FunctionName"),
    ("AWS::Lambda::LayerVersion", "LayerName"),
    ("AWS::Logs::LogGroup", "LogGroupName"),
    ("AWS::S3::Bucket", "BucketName"),
    ("AWS::SNS::Topic", "TopicName"),
    ("AWS::SQS::Queue", "QueueName"),
    ("AWS::WAFv2::WebACL", "Name"),
    ("AWS::ApiGateway::RestApi", "Name"),
    ("AWS::ApiGateway::UsagePlan", "UsagePlanName"),
)

NO_PUBLIC_ACCESS = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")


def tables(stack: Stack) -> Iterator[Breach]:
    """Tables are encrypted, billed by the request and expire items. Parameters decide on recovery and protection."""
    for name, table in stack.of("AWS::DynamoDB::Table").items():
        if table.get("BillingMode") != "PAY_PER_REQUEST":
            yield name, "is not billed by the request"
        if table.get("SSESpecification", {}).get("SSEEnabled") is not True:
            yield name, "is not encrypted with a key of the account"
        if (table.get("TimeToLiveSpecification") is None) != (name in TABLES_WITHOUT_EXPIRY):
            yield name, "has no expiry" if name not in TABLES_WITHOUT_EXPIRY else "has an expiry that nothing uses"
        source = stack.source["Resources"][name]
        recovery = source["Properties"].get("PointInTimeRecoverySpecification", {})
        if recovery.get("PointInTimeRecoveryEnabled") != {"Ref": "PointInTimeRecovery"}:
            yield name, "does not follow PointInTimeRecovery"
        if source["Properties"].get("DeletionProtectionEnabled") != {"Ref": "DeletionProtection"}:
            yield name, "does not follow DeletionProtection"
        if source.get("DeletionPolicy") != "Delete" or source.get("UpdateReplacePolicy") != "Retain":
            yield name, "needs DeletionPolicy Delete and UpdateReplacePolicy Retain"


def in_transit_and_at_rest(stack: Stack) -> Iterator[Breach]:
    """Queues and buckets are encrypted. Queues, topics and buckets refuse requests without TLS."""
    for name, queue in stack.of("AWS::SQS::Queue").items():
        if queue.get("SqsManagedSseEnabled") is not True and "KmsMasterKeyId" not in queue:
            yield name, "is not encrypted"
        if not any(map(_refuses_plain_text, policy_of(stack, name))):
            yield name, "accepts messages without TLS"
    for name in stack.of("AWS::SNS::Topic"):
        if not any(map(_refuses_plain_text, policy_of(stack, name))):
            yield name, "accepts messages without TLS"
    for name, bucket in stack.of("AWS::S3::Bucket").items():
        statements = [
            statement
            for policy in stack.of("AWS::S3::BucketPolicy").values()
            if target(policy["Bucket"]) == name
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        if not any(map(_refuses_plain_text, statements)):
            yield name, "accepts objects without TLS"
        if "BucketEncryption" not in bucket:
            yield name, "is not encrypted"
        if bucket.get("PublicAccessBlockConfiguration") != dict.fromkeys(NO_PUBLIC_ACCESS, True):
            yield name, "does not block public access"
        if not bucket.get("LifecycleConfiguration"):
            yield name, "has no LifecycleConfiguration"


def _refuses_plain_text(statement: Template) -> bool:
    return (
        statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
    )


def no_fixed_names(stack: Stack) -> Iterator[Breach]:
    """Every name contains the name or the id of the stack, so that two stacks fit into one account."""
    own = (PSEUDO["AWS::StackName"], PSEUDO["AWS::StackId"].rpartition("/")[2])
    for type_, key in NAMES:
        for name, properties in stack.of(type_).items():
            if key in properties and not any(part in str(properties[key]) for part in own):
                yield name, f"has the fixed {key} {properties[key]}"


def nothing_account_wide(stack: Stack) -> Iterator[Breach]:
    """Nothing that changes the whole account exists unless a parameter asks for it."""
    asked = stack.parameters.get("ApiLogging") == "create-role"
    for kind in ACCOUNT_WIDE:
        for name in stack.of(kind):
            if kind != "AWS::ApiGateway::Account" or not asked:
                yield name, "changes the whole account; make it only when a parameter asks for it"
