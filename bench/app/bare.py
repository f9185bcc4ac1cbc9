"""What S4 is compared with: a bare Django view that INSERTs one row and publishes one message."""

from __future__ import annotations

import json

from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from celery_app import app

INSERT = "INSERT INTO bench_bare (payload) VALUES (%s) RETURNING id"


@csrf_exempt
def bare(request: HttpRequest) -> JsonResponse:
    """No token, no key, no checks."""
    asked = json.loads(request.body)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSERT, [json.dumps(asked["payload"])])
        (row,) = cursor.fetchone()
    app.send_task("bench.bare", args=[row], queue="bench-bare", ignore_result=True)
    return JsonResponse({"id": row}, status=202)


urlpatterns = [path("bare", bare), path("", include("core.urls"))]
