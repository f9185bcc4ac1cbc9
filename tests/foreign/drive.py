"""Runs inside the foreign project: submit, wait, look at the pages. Prints what a test reads, as JSON."""

import json
import sys
from pathlib import Path


def main(touched: str) -> None:
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.test import Client
    from shop.tasks import touch

    from jobs.lifecycle.submit import submit_job
    from jobs.models import Job
    from tests.waiting import eventually

    boss = User.objects.create_superuser("boss", password="x")
    job = submit_job("shop.confirm", {"order": 7}, owner=boss).id
    touch.delay(touched)
    eventually(lambda: Job.objects.get(pk=job).is_final, timeout=30, what="the job ends")
    eventually(Path(touched).exists, timeout=30, what="the task ran")
    client = Client()
    client.force_login(boss)
    pages = [
        "/background/",
        "/background/kinds/shop.confirm",
        "/background/jobs",
        f"/background/jobs/{job}",
        "/admin/millrace_jobs/job/",
    ]
    found = Job.objects.get(pk=job)
    print(
        json.dumps(
            {
                "state": found.state,
                "result": found.result,
                "touched": Path(touched).exists(),
                "pages": {page.replace(str(job), "ID"): client.get(page).status_code for page in pages},
                "core": sorted(name for name in sys.modules if name == "core" or name.startswith("core.")),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
