"""The usual filters read an index to the end of the page, and not the jobs beyond it."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from jobs.database import DJANGO
from jobs.models import Job
from jobs.search import search
from tests.jobs.lifecycle.test_indexes import new_table

__all__ = ["new_table"]
pytestmark = pytest.mark.django_db

FILL = """
    INSERT INTO millrace_job (id, kind, queue, state, ready, run_at, payload, owner_id, holder, lease,
                              started_at, finished_at, created_at, error)
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
            || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
           'test.ok', 'default', state, false,
           CASE WHEN state IN ('scheduled', 'retrying') THEN at END, '{}', %(owner)s,
           CASE WHEN state = 'running' THEN gen_random_uuid() END,
           CASE WHEN state = 'running' THEN at END, at,
           CASE WHEN state IN ('succeeded', 'failed', 'cancelled') THEN at END, at,
           CASE WHEN state = 'failed' THEN 'no such host ' || n ELSE '' END
      FROM (SELECT n, timestamptz '2026-03-01Z' + n * interval '1 minute' AS at,
                   CASE n %% 2000 WHEN 1 THEN 'failed' WHEN 2 THEN 'cancelled' WHEN 3 THEN 'running'
                                  WHEN 4 THEN 'queued' WHEN 5 THEN 'scheduled' WHEN 6 THEN 'retrying'
                                  ELSE 'succeeded' END AS state
              FROM generate_series(1, 20000) AS n) AS each
"""


def read_rows(text: str) -> float:
    """How many jobs were looked at for the first page."""
    sql, params = search(text).apply(Job.objects.all()).order_by("-id")[:26].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql, params)
        [(plan,)] = cursor.fetchall()
    return looked_at(plan[0]["Plan"] if not isinstance(plan, str) else json.loads(plan)[0]["Plan"])


def looked_at(node: dict[str, Any]) -> float:
    here = 0.0
    if node.get("Relation Name") == "millrace_job":
        removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        here = (node["Actual Rows"] + removed) * node["Actual Loops"]
    return here + sum(looked_at(child) for child in node.get("Plans", []))


@pytest.mark.parametrize(
    "text",
    [
        *(f"state:{state}" for state in
          ("scheduled", "queued", "running", "retrying", "succeeded", "failed", "cancelled")),
        "state:queued,running", "code:cancelled_by", "error:host", "error:nowhere", "timeout", "id:0190",
        "created:<2026-03-03", "created:2026-03-03", "finished:<2026-03-03", "started:2026-03-03", "due:<2h",
    ],
)  # fmt: skip
def test_a_page_reads_little_of_much(alice: User, text: str) -> None:
    DJANGO.rows(FILL, {"owner": alice.pk})
    DJANGO.rows("ANALYZE millrace_job")

    assert read_rows(text) < 200
