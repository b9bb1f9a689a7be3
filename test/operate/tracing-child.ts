/** A host that tells a collector of its calls itself, beneath the step that its node has told it of. */
import { declareChannel, method, serveHost, t } from '../../src/embedding/host.ts';

const declaration = declareChannel({
  name: 'node',
  doc: 'Tells of its calls.',
  methods: {
    tell: method({ doc: 'Does nothing else.', effect: 'observe', forms: [{ args: [], result: t.nil }] }),
  },
});

await serveHost({
  natives: [
    {
      declaration,
      async call({ traceparent }) {
        const [, traceId, parentSpanId, flags] = traceparent?.split('-') ?? [];
        if (flags === '01') {
          const now = `${BigInt(Date.now()) * 1_000_000n}`;
          const span = {
            traceId,
            spanId: parentSpanId?.replace(/^./, 'f'),
            parentSpanId,
            name: 'in node',
            kind: 2,
            startTimeUnixNano: now,
            endTimeUnixNano: now,
            attributes: [],
            status: { code: 0 },
          };
          const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'powerbox' } }] };
          await fetch(`${process.env['COLLECTOR']}/v1/traces`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }),
          });
        }
        return { ok: null };
      },
    },
  ],
});
