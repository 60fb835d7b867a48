"""Shipped views: the usual questions, for `metaagent ledger sql` and any SQLite tool opened read-only."""

from __future__ import annotations

import sqlite3

_WORKED = "a.purpose = 'run'"

VIEWS: dict[str, tuple[str, str]] = {
    "v_attempts": (
        "every attempt with its outcome, cost and agent; outcome is null while it runs",
        """SELECT a.id, a.time AS started, o.time AS ended, a.task_id, a.agent, a.role, a.model, a.protocol, a.purpose,
                  a.number, a.domain, o.outcome, o.score, o.reason, o.rungs, o.passed_first, o.calls, o.prompt_tokens,
                  o.reply_tokens, o.model_seconds, o.seconds, o.cost, o.artifact, o.digest, o.backend, a.task_hash,
                  a.run_id
           FROM attempts a LEFT JOIN outcomes o ON o.attempt_id = a.id""",
    ),
    "v_steps": (
        "every step with its prompt and reply as text",
        """SELECT s.attempt_id, s.number, s.kind, s.name, s.time AS started, s.seconds, s.prompt_tokens, s.reply_tokens,
                  s.model_seconds, s.finish, s.cached, s.calls, s.truncated, s.error, s.logprobs, p.body AS prompt,
                  r.body AS reply
           FROM steps s LEFT JOIN texts p ON p.hash = s.prompt_hash LEFT JOIN texts r ON r.hash = s.reply_hash""",
    ),
    "v_errors": (
        "every error event with its task, agent, model, domain and protocol",
        """SELECT e.id, e.time, e.task_id, a.domain, a.agent, a.model, a.protocol, a.purpose, e.kind, e.validator,
                  e.public, e.location, e.message, e.expected, e.got, e.attempt_id, e.step
           FROM error_events e JOIN attempts a ON a.id = e.attempt_id""",
    ),
    "v_error_kinds": (
        "how many events and attempts of each kind of error, by domain and model",
        """SELECT e.kind, a.domain, a.model, count(*) AS events, count(DISTINCT e.attempt_id) AS attempts,
                  count(DISTINCT e.task_id) AS tasks, max(e.time) AS latest
           FROM error_events e JOIN attempts a ON a.id = e.attempt_id GROUP BY e.kind, a.domain, a.model""",
    ),
    "v_fields": (
        "which fields fail key checks, with how often: where a convention is unknown to the model",
        """SELECT e.location, e.kind, a.domain, a.model, count(*) AS events, count(DISTINCT e.task_id) AS tasks,
                  min(e.got) AS example_got, min(e.expected) AS example_expected
           FROM error_events e JOIN attempts a ON a.id = e.attempt_id
           WHERE e.public = 0 AND e.location <> '' GROUP BY e.location, e.kind, a.domain, a.model""",
    ),
    "v_agents": (
        "attempts, passes, tokens and seconds of each agent by domain",
        f"""SELECT a.agent, a.domain, count(*) AS attempts, sum(o.outcome = 'pass') AS passed,
                  sum(o.outcome = 'fail') AS failed, sum(o.passed_first) AS passed_first,
                  sum(o.prompt_tokens + o.reply_tokens) AS tokens, sum(o.seconds) AS seconds, sum(o.cost) AS cost
           FROM attempts a JOIN outcomes o ON o.attempt_id = a.id WHERE {_WORKED} GROUP BY a.agent, a.domain""",
    ),
    "v_tasks": (
        "each task's attempts, best score, latest outcome and what it used up",
        f"""SELECT a.task_id, count(*) AS attempts, sum(o.outcome = 'pass') AS passed, max(o.score) AS best_score,
                  (SELECT o2.outcome FROM attempts a2 JOIN outcomes o2 ON o2.attempt_id = a2.id
                   WHERE a2.task_id = a.task_id AND a2.purpose = 'run' ORDER BY a2.id DESC LIMIT 1) AS latest,
                  sum(o.prompt_tokens + o.reply_tokens) AS tokens, sum(o.seconds) AS seconds, sum(o.cost) AS cost
           FROM attempts a JOIN outcomes o ON o.attempt_id = a.id WHERE {_WORKED} GROUP BY a.task_id""",
    ),
    "v_runs": (
        "each run with its end; status is null while it runs or when it was killed",
        """SELECT r.id, r.time AS started, e.time AS ended, r.command, r.args, e.status, e.summary, r.pid, r.host,
                  coalesce(n.attempts, 0) AS attempts
           FROM runs r LEFT JOIN run_ends e ON e.run_id = r.id
           LEFT JOIN (SELECT run_id, count(*) AS attempts FROM attempts GROUP BY run_id) n ON n.run_id = r.id""",
    ),
    "v_interventions": (
        "what persons did: decisions on tasks and edits on the board",
        """SELECT id, time, task_id, 'decision' AS kind, decision AS what, why, by
           FROM decisions
           UNION ALL SELECT id, time, task_id, 'edit',
                  field || ': ' || coalesce(old, '') || ' -> ' || coalesce(new, ''), '', 'person'
           FROM person_changes""",
    ),
    "v_board_operations": (
        "intents to change the board and how each ended; result is null while it is open",
        """SELECT p.id, p.time, p.operations, e.time AS ended, e.stamp, e.result, p.run_id
           FROM operations p LEFT JOIN operation_ends e ON e.operation_id = p.id""",
    ),
    "v_active_protocols": (
        "the protocol in force for each domain and model",
        """SELECT c.domain, c.model, p.version, p.hash, p.remedies, c.action, c.time AS since, c.why
           FROM activations c JOIN protocols p ON p.hash = c.protocol
           WHERE c.id = (SELECT max(id) FROM activations WHERE domain = c.domain AND model = c.model)""",
    ),
    "v_splits": (
        "the split of every task as it stands: mine is learned from, gate decides, sealed is for reports",
        """SELECT s.task_id, s."set", s.split, s.grp, s.family, s.domain, s.task_hash, s.time
           FROM split_tasks s WHERE s.id = (SELECT max(id) FROM split_tasks WHERE task_id = s.task_id)""",
    ),
    "v_trials": (
        "every candidate ever registered, with what its trial came to; verdict is null while it goes on",
        """SELECT c.id, c.time, c.k, c.domain, c.model, c.base, c.candidate, c.metric, c.discoveries, c.alpha, c.weight,
                  c.threshold, c.delta, c.families, c.fixed, e.verdict, e.reason, e.pairs, e.gains, e.losses, e.ties,
                  e.inconclusive, e.evidence, e.futility, e.calls, e.time AS ended, e.activation_id, c.settings,
                  (SELECT count(*) FROM candidate_tasks t WHERE t.candidate_id = c.id) AS tasks, c.note
           FROM candidates c LEFT JOIN trial_ends e ON e.candidate_id = c.id""",
    ),
    "v_days": (
        "attempts, passes, tokens and seconds by day, agent and model",
        f"""SELECT substr(a.time, 1, 10) AS day, a.agent, a.model, count(*) AS attempts,
                  sum(o.outcome = 'pass') AS passed, sum(o.prompt_tokens + o.reply_tokens) AS tokens,
                  sum(o.seconds) AS seconds
           FROM attempts a JOIN outcomes o ON o.attempt_id = a.id WHERE {_WORKED}
           GROUP BY day, a.agent, a.model""",
    ),
}


def recreate_views(connection: sqlite3.Connection) -> int:
    """Drops our views and makes them anew, inside the caller's transaction. How many there are now."""
    old = connection.execute("SELECT name FROM sqlite_master WHERE type = 'view' AND name LIKE 'v\\_%' ESCAPE '\\'")
    for (name,) in old.fetchall():
        connection.execute(f'DROP VIEW "{name}"')
    for name, (description, select) in VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS /* {description} */ {select}")
    return len(VIEWS)
