"""The list of all house rules.

A rule reads the template as written and as deployed, and yields every breach. Each subject has its own file. Exceptions
are constants of that file with their reason, so that adding one is a visible decision.
"""

from collections.abc import Mapping

from rules.alarms import a_missed_schedule_is_seen, alarms_are_heard, alarms_can_fire
from rules.api import custom_domain, gateway_answers, keys_are_asked_for, limits_and_access_logs, web_acl
from rules.checked import grants_name_what_aws_checks
from rules.dashboards import dashboards
from rules.data import in_transit_and_at_rest, no_fixed_names, tables
from rules.functions import api_functions_answer_in_time, one_architecture, own_log_group, reservations, traces
from rules.parameters import parameters
from rules.permissions import customer_key, grants_match_variables, least_privilege, own_role
from rules.queues import asynchronous_invocations, dead_letters_are_seen, queues_behind_functions
from rules.stack import BrokenRule, Rule, Stack
from rules.versions import aliases_are_called, changes_are_published

RULES: dict[str, Rule] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (
        own_role,
        least_privilege,
        grants_name_what_aws_checks,
        grants_match_variables,
        customer_key,
        asynchronous_invocations,
        queues_behind_functions,
        dead_letters_are_seen,
        alarms_can_fire,
        alarms_are_heard,
        dashboards,
        a_missed_schedule_is_seen,
        own_log_group,
        api_functions_answer_in_time,
        traces,
        reservations,
        one_architecture,
        aliases_are_called,
        changes_are_published,
        tables,
        in_transit_and_at_rest,
        no_fixed_names,
        keys_are_asked_for,
        gateway_answers,
        limits_and_access_logs,
        custom_domain,
        web_acl,
        parameters,
    )
}


def check(stack: Stack, rules: Mapping[str, Rule] | None = None) -> list[BrokenRule]:
    """Every breach of these rules, or of all rules."""
    return [
        BrokenRule(name, resource, message)
        for name, rule in (RULES if rules is None else rules).items()
        for resource, message in rule(stack)
    ]
