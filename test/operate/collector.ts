/** A collector of spans on a real port, as far as spans go: it keeps what it is sent. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Told {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Readonly<Record<string, string>> }[];
  readonly status: { readonly code: number; readonly message?: string };
}

export class Collector {
  readonly spans: Told[] = [];
  readonly requests: { readonly url: string; readonly authorization: string | undefined }[] = [];
  status = 200;
  readonly #server: Server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    this.requests.push({ url: request.url ?? '', authorization: request.headers.authorization });
    const body = JSON.parse(text);
    assert.equal(body.resourceSpans[0].resource.attributes[0].value.stringValue, 'powerbox');
    if (this.status === 200) this.spans.push(...body.resourceSpans[0].scopeSpans[0].spans);
    response.writeHead(this.status, { 'content-type': 'application/json' }).end('{}');
  });

  async listen(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
