"""The tables, by the migration that made them. Append-only: a change of schema is a new migration, never an edit here.

Facts carry ``id`` (a ULID by the writer), ``time`` (UTC) and ``run_id``. A row that completes another (``run_ends``,
``outcomes``, ``operation_ends``) is named by the id of that one; a text by its SHA-256.
"""

from __future__ import annotations

# Texts and bodies may be long, and are kept out of the B-trees that are searched: tables with rowids. Outcomes
# and board versions have them for their order of commit, which ids made by several processes do not give.
BODIES_1 = frozenset({"texts", "task_versions", "board_versions", "outcomes"})

FACTS_1: dict[str, str] = {
    "runs": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, command TEXT NOT NULL, args TEXT NOT NULL, version TEXT NOT NULL,
        pid INTEGER NOT NULL, host TEXT NOT NULL, boot_id TEXT NOT NULL, pid_started INTEGER NOT NULL""",
    "run_ends": """
        run_id TEXT PRIMARY KEY REFERENCES runs(id), time TEXT NOT NULL, status TEXT NOT NULL, summary TEXT NOT NULL""",
    "task_versions": """
        id TEXT NOT NULL, time TEXT NOT NULL, run_id TEXT, task_id TEXT NOT NULL, hash TEXT NOT NULL,
        title TEXT NOT NULL, domain TEXT, "set" TEXT, family TEXT, grp TEXT, body TEXT NOT NULL,
        PRIMARY KEY (task_id, hash)""",
    "status_changes": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, task_id TEXT NOT NULL, from_status TEXT,
        to_status TEXT NOT NULL, by TEXT NOT NULL, reason TEXT NOT NULL""",
    "person_changes": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, task_id TEXT NOT NULL, field TEXT NOT NULL,
        old TEXT, new TEXT""",
    "attempts": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT NOT NULL, task_id TEXT NOT NULL, task_hash TEXT NOT NULL,
        agent TEXT NOT NULL, role TEXT NOT NULL, model TEXT NOT NULL, protocol TEXT NOT NULL, purpose TEXT NOT NULL,
        number INTEGER NOT NULL, domain TEXT""",
    "outcomes": """
        attempt_id TEXT PRIMARY KEY REFERENCES attempts(id), time TEXT NOT NULL, run_id TEXT, outcome TEXT NOT NULL
            CHECK (outcome IN ('pass', 'fail', 'inconclusive', 'interrupted')),
        score REAL NOT NULL, reason TEXT NOT NULL, rungs INTEGER NOT NULL, passed_first INTEGER NOT NULL,
        calls INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, reply_tokens INTEGER NOT NULL,
        model_seconds REAL NOT NULL, seconds REAL NOT NULL, cost REAL NOT NULL, artifact TEXT, digest TEXT NOT NULL,
        backend TEXT NOT NULL""",
    "texts": """
        hash TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, body TEXT NOT NULL""",
    "comments": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, task_id TEXT NOT NULL, attempt_id TEXT,
        agent TEXT NOT NULL, role TEXT NOT NULL, body TEXT NOT NULL""",
    "decisions": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, task_id TEXT NOT NULL, attempt_id TEXT,
        decision TEXT NOT NULL, why TEXT NOT NULL, by TEXT NOT NULL""",
    "conflicts": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, task_id TEXT, field TEXT NOT NULL, base TEXT,
        ours TEXT, theirs TEXT, resolution TEXT NOT NULL""",
    "operations": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, operations TEXT NOT NULL""",
    "operation_ends": """
        operation_id TEXT PRIMARY KEY REFERENCES operations(id), time TEXT NOT NULL, run_id TEXT, stamp TEXT,
        result TEXT NOT NULL""",
    "board_versions": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, stamp TEXT NOT NULL, sha256 TEXT NOT NULL,
        author TEXT NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL""",
    "protocols": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, hash TEXT NOT NULL UNIQUE, domain TEXT NOT NULL,
        model TEXT NOT NULL, version INTEGER NOT NULL, parent TEXT, remedies TEXT NOT NULL, note TEXT NOT NULL""",
    "activations": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, domain TEXT NOT NULL, model TEXT NOT NULL,
        protocol TEXT NOT NULL REFERENCES protocols(hash), action TEXT NOT NULL, why TEXT NOT NULL""",
    "evidence": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, activation_id TEXT NOT NULL REFERENCES activations(id),
        attempt_id TEXT NOT NULL""",
    "heartbeats": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, agent TEXT NOT NULL, result TEXT NOT NULL,
        tries INTEGER NOT NULL, message TEXT NOT NULL""",
    "trusts": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, path TEXT NOT NULL, sha256 TEXT NOT NULL,
        action TEXT NOT NULL CHECK (action IN ('trust', 'revoke')), by TEXT NOT NULL""",
    "drops": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, count INTEGER NOT NULL, reason TEXT NOT NULL""",
    "prunes": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, before TEXT NOT NULL, counts TEXT NOT NULL""",
}

# Clustered by attempt: one B-tree and no further index for the rows that every attempt writes most of.
EVIDENCE_1: dict[str, str] = {
    "steps": """
        id TEXT NOT NULL, time TEXT NOT NULL, run_id TEXT, attempt_id TEXT NOT NULL REFERENCES attempts(id),
        number INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, seconds REAL NOT NULL, prompt_hash TEXT,
        reply_hash TEXT, prompt_tokens INTEGER, reply_tokens INTEGER, model_seconds REAL, finish TEXT, cached INTEGER,
        calls INTEGER, truncated INTEGER, error TEXT, PRIMARY KEY (attempt_id, number)""",
    "verdicts": """
        id TEXT NOT NULL, time TEXT NOT NULL, run_id TEXT, attempt_id TEXT NOT NULL REFERENCES attempts(id),
        step INTEGER NOT NULL, validator TEXT NOT NULL, public INTEGER NOT NULL, outcome TEXT NOT NULL,
        checked INTEGER NOT NULL, held INTEGER NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (attempt_id, id)""",
    "error_events": """
        id TEXT NOT NULL, time TEXT NOT NULL, run_id TEXT, attempt_id TEXT NOT NULL REFERENCES attempts(id),
        step INTEGER NOT NULL, task_id TEXT NOT NULL, validator TEXT NOT NULL, public INTEGER NOT NULL,
        kind TEXT NOT NULL, message TEXT NOT NULL, location TEXT NOT NULL, expected TEXT, got TEXT,
        PRIMARY KEY (attempt_id, id)""",
}

OPERATIONAL_1: dict[str, str] = {
    "claims": """
        task_id TEXT PRIMARY KEY, run_id TEXT NOT NULL, attempt_id TEXT NOT NULL, agent TEXT NOT NULL,
        pid INTEGER NOT NULL, host TEXT NOT NULL, boot_id TEXT NOT NULL, pid_started INTEGER NOT NULL,
        expires TEXT NOT NULL""",
    "reply_cache": "key TEXT PRIMARY KEY, time TEXT NOT NULL, reply TEXT NOT NULL",
    "agent_states": "agent_id TEXT PRIMARY KEY, time TEXT NOT NULL, paused INTEGER NOT NULL",
    "switches": "name TEXT PRIMARY KEY",
}

INDEXES_1: dict[str, str] = {
    "attempts_by_task": "attempts (task_id)",
    "status_changes_by_task": "status_changes (task_id)",
    "decisions_by_task": "decisions (task_id)",
    "comments_by_task": "comments (task_id)",
    "board_versions_by_stamp": "board_versions (stamp)",
    "heartbeats_by_agent": "heartbeats (agent)",
    "evidence_by_attempt": "evidence (attempt_id)",
}

FACTS_2: dict[str, str] = {
    "sandbox_probes": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, kernel TEXT NOT NULL, user TEXT NOT NULL,
        backend TEXT NOT NULL, level INTEGER NOT NULL, result TEXT NOT NULL""",
}

FACTS_3: dict[str, str] = {
    "proposals": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, domain TEXT NOT NULL, model TEXT NOT NULL,
        base TEXT NOT NULL, protocol TEXT NOT NULL REFERENCES protocols(hash), kinds TEXT NOT NULL, why TEXT NOT NULL,
        readable TEXT NOT NULL, mended TEXT NOT NULL, harmed TEXT NOT NULL, gain REAL NOT NULL, exact INTEGER NOT NULL,
        cases INTEGER NOT NULL""",
}

# What a trial rests on. A candidate is registered, with all that it will be decided by, before its first pair.
FACTS_4: dict[str, str] = {
    "split_salts": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, "set" TEXT NOT NULL UNIQUE, salt TEXT NOT NULL""",
    "split_tasks": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, "set" TEXT NOT NULL, task_id TEXT NOT NULL,
        task_hash TEXT NOT NULL, grp TEXT NOT NULL, family TEXT NOT NULL, domain TEXT,
        split TEXT NOT NULL CHECK (split IN ('mine', 'gate', 'sealed', 'retired'))""",
    "candidates": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, k INTEGER NOT NULL UNIQUE, domain TEXT NOT NULL,
        model TEXT NOT NULL, base TEXT NOT NULL, candidate TEXT NOT NULL, metric TEXT NOT NULL,
        discoveries INTEGER NOT NULL, alpha REAL NOT NULL, weight REAL NOT NULL, threshold REAL NOT NULL,
        delta REAL NOT NULL, families INTEGER NOT NULL, fixed INTEGER NOT NULL, settings TEXT NOT NULL,
        note TEXT NOT NULL""",
    "candidate_tasks": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, candidate_id TEXT NOT NULL REFERENCES candidates(id),
        number INTEGER NOT NULL, task_id TEXT NOT NULL, task_hash TEXT NOT NULL, family TEXT NOT NULL,
        fixed INTEGER NOT NULL, UNIQUE (candidate_id, number)""",
    "pairs": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, candidate_id TEXT NOT NULL REFERENCES candidates(id),
        number INTEGER NOT NULL, task_id TEXT NOT NULL, task_hash TEXT NOT NULL, control_attempt TEXT NOT NULL,
        candidate_attempt TEXT NOT NULL, control_outcome TEXT NOT NULL, candidate_outcome TEXT NOT NULL,
        control_score REAL NOT NULL, candidate_score REAL NOT NULL, difference REAL, UNIQUE (candidate_id, number)""",
    "trial_ends": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, candidate_id TEXT NOT NULL UNIQUE
            REFERENCES candidates(id),
        verdict TEXT NOT NULL CHECK (verdict IN ('promote', 'reject', 'inconclusive')), reason TEXT NOT NULL,
        pairs INTEGER NOT NULL, gains INTEGER NOT NULL, losses INTEGER NOT NULL, ties INTEGER NOT NULL,
        inconclusive INTEGER NOT NULL, evidence REAL NOT NULL, futility REAL NOT NULL, calls INTEGER NOT NULL,
        activation_id TEXT REFERENCES activations(id)""",
    "flips": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, key TEXT NOT NULL, model TEXT NOT NULL,
        protocol TEXT NOT NULL, tasks INTEGER NOT NULL, flips INTEGER NOT NULL, changed INTEGER NOT NULL""",
}

INDEXES_4: dict[str, str] = {
    "split_tasks_by_task": "split_tasks (task_id)",
    "trials_by_candidate": "candidates (candidate)",
}

FACTS_5: dict[str, str] = {
    "pattern_edits": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, action TEXT NOT NULL
            CHECK (action IN ('split', 'merge', 'label')),
        pattern TEXT NOT NULL, signatures TEXT NOT NULL, text TEXT NOT NULL, by TEXT NOT NULL""",
    "ingests": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, source TEXT NOT NULL, format TEXT NOT NULL,
        sha256 TEXT NOT NULL, size INTEGER NOT NULL, UNIQUE (sha256, format)""",
    "ingest_ends": """
        ingest_id TEXT PRIMARY KEY REFERENCES ingests(id), time TEXT NOT NULL, run_id TEXT, errors INTEGER NOT NULL""",
    "foreign_errors": """
        ingest_id TEXT NOT NULL REFERENCES ingests(id), number INTEGER NOT NULL, kind TEXT NOT NULL,
        head TEXT NOT NULL, message TEXT NOT NULL, PRIMARY KEY (ingest_id, number)""",
}

# Made anew from the facts by `ledger rebuild`.
DERIVED_5: dict[str, str] = {
    "foreign_signatures": """
        ingest_id TEXT NOT NULL, signature TEXT NOT NULL, kind TEXT NOT NULL, head TEXT NOT NULL,
        message TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (ingest_id, signature)""",
}

FACTS_6: dict[str, str] = {
    "bootstraps": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, model TEXT NOT NULL, digest TEXT NOT NULL,
        backend TEXT NOT NULL, engine TEXT NOT NULL, probes INTEGER NOT NULL, subject TEXT NOT NULL,
        result TEXT NOT NULL""",
}

# After a promotion: what the monitor rang for, and how the paired confirmation went.
FACTS_7: dict[str, str] = {
    "alarms": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, activation_id TEXT NOT NULL REFERENCES activations(id),
        protocol TEXT NOT NULL, attempts INTEGER NOT NULL, errors INTEGER NOT NULL, bound REAL NOT NULL,
        value REAL NOT NULL, last_attempt TEXT NOT NULL""",
    "confirmations": """
        id TEXT PRIMARY KEY, time TEXT NOT NULL, run_id TEXT, alarm_id TEXT NOT NULL UNIQUE REFERENCES alarms(id),
        pairs INTEGER NOT NULL, gains INTEGER NOT NULL, losses INTEGER NOT NULL, inconclusive INTEGER NOT NULL,
        evidence REAL NOT NULL, verdict TEXT NOT NULL CHECK (verdict IN ('rollback', 'keep')),
        activation_id TEXT REFERENCES activations(id)""",
}

# The one way to remove a fact: `ledger prune` puts its name into `switches` inside its own transaction.
PRUNE_SWITCH = "prune"


def append_only(table: str) -> list[str]:
    """Triggers that refuse to change a fact, and to remove one unless the prune switch is on."""
    refuse = f"RAISE(ABORT, 'append-only: {table}')"
    unless = f"WHEN NOT EXISTS (SELECT 1 FROM switches WHERE name = '{PRUNE_SWITCH}')"
    return [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} BEGIN SELECT {refuse}; END",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {unless} BEGIN SELECT {refuse}; END",
    ]
