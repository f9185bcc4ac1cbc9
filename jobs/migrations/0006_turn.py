"""The turn of a job that comes into its line, as a function: its plans are the same whatever the planner believes."""

from django.db import migrations

# Both looks read a few entries of one index in its order. Where the planner expects few rows of an owner it would
# rather read and sort them all, and an owner whose flood is newer than the statistics has a hundred thousand.
# Nor may it walk all newer jobs of others along the primary key: `owner_id = who` would let that give the order.
# Set for the function alone, so nothing leaks to whoever uses the connection next.
CREATE = """
CREATE OR REPLACE FUNCTION millrace_turn(line text, place integer, who anyelement, step float8) RETURNS float8
LANGUAGE plpgsql STABLE
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off AS $$
DECLARE
    head float8;
    latest float8;
BEGIN
    SELECT turn INTO head FROM millrace_job
     WHERE state = 'queued' AND ready AND queue = line AND priority = place
       AND turn >= coalesce((SELECT turn FROM millrace_floor WHERE queue = line AND priority = place), '-infinity')
     ORDER BY turn LIMIT 1;
    SELECT max(turn) INTO latest FROM (
        SELECT queue, priority, turn FROM millrace_job
         WHERE owner_id >= who AND owner_id <= who ORDER BY owner_id, id DESC LIMIT 20) AS newest
     WHERE newest.queue = line AND newest.priority = place;
    RETURN greatest(
        coalesce(head, extract(epoch FROM statement_timestamp() - timestamptz '2026-01-01Z') * 1e6), latest + step);
END $$
"""
DROP = "DROP FUNCTION IF EXISTS millrace_turn(text, integer, anyelement, float8)"


class Migration(migrations.Migration):
    dependencies = [("millrace_jobs", "0005_limits")]

    operations = [migrations.RunSQL(CREATE, DROP)]
