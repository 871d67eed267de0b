"""The deployments for which the rules, cfn-lint and checkov check the template."""

from typing import Final

EVERYTHING: Final[dict[str, str]] = {
    "KeyArn": "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    "PointInTimeRecovery": "true",
    "DeletionProtection": "true",
    "DomainName": "drift.example.com",
    "CertificateArn": "arn:aws:acm:eu-west-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab",
    "HostedZoneId": "Z0123456789",
    "QuotaPerDay": "1000",
    "Waf": "managed",
    "DeploymentPreference": "Canary10Percent10Minutes",
    "SnapStart": "PublishedVersions",
    "CheckReservedConcurrency": "60",
    "Alarms": "all",
    "Dashboard": "true",
    "AlarmEmail": "ops@example.com",
}
"""Parameters that switch on every option."""

DEPLOYMENTS: tuple[dict[str, str], ...] = (
    {},
    EVERYTHING,
    {"Architecture": "x86_64", "PointInTimeRecovery": "false", "DeletionProtection": "true", "QuotaPerDay": "1000"},
    {"EmailTransport": "smtp", "SmtpHost": "smtp.example.com", "PublicUrl": "https://drift.example.com"},
    {"EmailTransport": "log", "ApiLogging": "account-role", "Tracing": "PassThrough", "ScheduleState": "DISABLED"},
    {
        "EmailTransport": "smtp",
        "SmtpHost": "smtp.example.com",
        "SmtpSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:smtp-AbCdEf",
        "KeyArn": EVERYTHING["KeyArn"],
        "WafAclArn": "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/ours/1234abcd-12ab-34cd-56ef-1234567890ab",
    },
    {
        "DomainName": "drift.example.com",
        "CertificateArn": EVERYTHING["CertificateArn"],
        "Alarms": "all",
        "ApiLogging": "none",
    },
)
"""Parameters of every deployment that must keep the rules. Each decides some conditions differently."""
