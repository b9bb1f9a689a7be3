"""As tracing-child.ts, in Python, with the library that stands in spec/examples."""

import json
import os
import sys
import time
import urllib.request


sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../spec/examples/host-python"))
from powerbox_host import serve  # noqa: E402


def tell(call):
    _, trace, parent, flags = call.get("traceparent", "---").split("-")
    if flags == "01":
        now = str(time.time_ns())
        span = {
            "traceId": trace,
            "spanId": "e" + parent[1:],
            "parentSpanId": parent,
            "name": "in python",
            "kind": 2,
            "startTimeUnixNano": now,
            "endTimeUnixNano": now,
            "attributes": [],
            "status": {"code": 0},
        }
        resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "powerbox"}}]}
        body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
        request = urllib.request.Request(
            os.environ["COLLECTOR"] + "/v1/traces", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        urllib.request.urlopen(request).read()


METHOD = {"doc": "Does nothing else.", "effect": "observe", "forms": [{"args": [], "result": "nil"}]}
serve([{"name": "python", "doc": "Tells of its calls.", "methods": {"tell": METHOD}}], {"python.tell": tell})
