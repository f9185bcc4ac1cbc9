"""The sentences of docs/explain/performance.md."""

from __future__ import annotations

HEAD = """# Performance, measured

How fast Millrace is beside the queues one would otherwise take, with everything on that a fresh install
has on: validation, leases, fencing, kept logs, events, metrics, and a PostgreSQL that syncs every commit.
`make bench` measures it again and writes this page; figures depend on the machine, ratios hardly.
"""

METHOD = """## How it is measured

- Every run starts a PostgreSQL (fsync on) and a Redis (append-only file on) of its own. Everybody shares
  them, and the same cores: the server, the broker, the workers and whoever asks.
- Millrace's worker is started as `make up` starts it, with two processes. The peers live in an
  environment of their own, at pinned versions (`bench/peers.txt`), each with two processes and the
  fastest settings anybody would run (below).
- All arms take their turn in every round, so that a noisy neighbour disturbs all of them alike. Figures
  are medians of the rounds; ratios are of medians from the same run. How much of the machine others took
  is said below each table.
- Nothing is tuned: no setting of PostgreSQL, Redis or Millrace differs from a fresh install.
"""

DRAIN = """A tiny job increments a counter in Redis. The line is filled, two processes start, and the
clock runs from a tenth of the jobs to the last. Millrace's stops when every outcome is recorded, a peer's
at its last increment.

- **One at a time**: each outcome is committed before the next job starts. Every kind runs like this
  unless it says more.
- **In batches**: a kind that declares itself safe to repeat (`batch=500`) is claimed and recorded many at
  a time. Each job is still called on its own, under its own limits.
"""

PROMISES = """Millrace's figures are for jobs that are rows: committed before the submit returns, ended
once, kept with their outcome. Most others buy speed with promises they do not make.
"""

SUBMIT_MANY = """`submit_many` validates each payload (an address, a text, a number) against its kind,
and accepts all or none in one transaction. The payloads stand ready as dictionaries; the clock stops at
the commit.
"""

OVER_HTTP = """`POST /api/v1/jobs` with JSON, a token and an idempotency key, through 16 connections that stay
open. Beside it a bare Django view on the same server, which checks nothing, INSERTs one row and publishes one
Celery message. One web process; no worker runs.
"""

LATENCY = """One job is asked for, and when it has started and a moment has passed, the next: from before
the call to the first line of the job's function, by a clock that both processes share. Millrace's call
commits the job first; raw Celery's only hands a message to Redis.

Where Millrace's time goes, in hundredths of one idle asking (5.3 ms, of a run that noted each step): 8 to
validate the job; while it is written and committed, 8 until the ringer's thread is awake, 17 until the
worker's main reads the bell, 31 from there to its process; 28 to claim and commit, 6 to begin. Each of the
two commits holds a sync of the disk (0.5 ms here, 3 ms one time in a hundred), and they are the promise: an
accepted job, and a running one, are known after a crash of the server. A lone job's bell is rung before its
commit ([how it cannot come too early](bell.md)); a claim that does not wait for its commit would save half
a millisecond more, and give something up for it ([decision 19](../decisions/0019-what-a-job-costs.md)).
"""

DEPTH = """The real table with its real indexes, 5 million finished jobs, 50,000 held back and 200,000
not yet due in it, and as many waiting as the row says. Timed are the first 4,000 jobs of a line one at a
time, the first 30,000 in batches, and 500 claims; the rest stands behind them. Before each, the table is
vacuumed: between two vacuums a claim also passes what was done since, some 7 blocks for a thousand jobs.
"""

PRICE = """Jobs one at a time, with parts of Millrace left out by the benchmark (there is no setting for
it), then with a limit and with Flower added. The price is the share of the speed without it, between the
medians. One drain differs from the next by up to a fifth on a shared machine, whose disk and processors have
other users, so a price of a few percent may be noise, and a negative one is. What the processors do more for
a job (the worker, PostgreSQL, Redis, and Flower where it listens) is steadier: to about a twentieth, some
80 µs. What fairness costs is paid when a job is submitted: S3 and S5 hold it.
"""

IDLE = """All of `make up` (PostgreSQL, Redis, web, two workers with two processes each, Beat, Flower,
the mail sink, the supervisor), left alone.
"""

MEMORY = """What one worker, its main and its two processes, holds between jobs. They run in batches,
because a million one at a time would take a quarter of an hour.
"""

MAIL = """Every recipient is a row of the ledger, claimed before the mail goes out and settled after the
server's answer, and gets a text and HTML of their own (three variables, 4 KB, a link to unsubscribe that is
signed for them). Eight campaigns are accepted, then a worker starts: one campaign is sent by one process over
one connection, so two are on their way at any time. The clock runs from a tenth of the mails to the last, and
stops when every outcome is recorded. After each run the ledger has to say `done` of everybody and the sink
has to have one mail for each, or there is no figure.

- **Beside it**: Django's `send_messages` on one connection that stays open, with `EmailMultiAlternatives`.
  Its templates are compiled once and rendered for each; subject, text, HTML and headers are the same. It
  remembers nothing, signs nothing, and is one process.
- **The sink** is the project's own, one process in Python on the same two cores, which notes whom each mail
  went to. What it takes at most is measured too, by two processes that send mails written before.
- Processor time is what all processes of a program used for one mail, by the kernel's own counts.
"""

MAIL_MEMORY = """One campaign to a million recipients, on a worker with two processes, of which one sends.
Each second everybody's memory is read (PSS: shared pages count in parts); the bar is for the largest process.
"""

MAIL_LIST = """A CSV with 100,000 rows and seven columns, for a web process that has just started: from the
first byte sent to the answer, when every recipient is a committed row of the ledger. By the API it is an
upload and a job that names it; by the form one request, as a browser sends it. Memory is the most that the
process held above what it held before, by the kernel's own mark of the highest.
"""

RUN = """## Run it

| Command | What it does |
|---|---|
| `make bench` | everything, in about an hour and a quarter; writes this page |
| `make bench ONLY=S1,S2` | some of it |
| `make bench ONLY=email` | E1 to E5: mail alone, in about half an hour |
| `make bench ROUNDS=9 JOBS=20000` | more rounds, longer drains |
| `make bench QUICK=1` | the small form: to see that it works; nothing is kept |

Each measure prints one line of JSON; what is kept is in `bench/results/`. Close everything else first.
"""
