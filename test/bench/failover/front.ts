import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { LatticeError } from '../../../core/errors/index.ts';
import type { GroupNode } from '../../../gateway/consensus/index.ts';
import type { Coordinator } from '../../../gateway/coordination/index.ts';

/**
 * The two calls of etcd's JSON gateway that the benchmarks make, answered by one of our members, so that one client drives both.
 * Resolves once it listens.
 */
export async function listenAsEtcd(port: number, coordinator: Coordinator, group: GroupNode): Promise<void> {
  const answer = async (url: string, text: string, signal: AbortSignal): Promise<object> => {
    if (url === '/v3/maintenance/status') return statusOf(group);
    const { key, value } = JSON.parse(text) as { key: string; value: string };
    const { revision } = await coordinator.put(decoded(key), decoded(value), { signal });
    return { header: { revision: String(revision) } };
  };
  const server = createServer((request, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    bodyOf(request)
      .then((text) => answer(request.url ?? '', text, gone.signal))
      .then(
        (body) => end(response, 200, body),
        (error: unknown) => end(response, 503, { error: error instanceof LatticeError ? error.code : String(error) }),
      );
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

function statusOf({ status }: GroupNode): object {
  return {
    header: { member_id: String(status?.id ?? 0) },
    leader: String(status?.lead ?? 0),
    raftTerm: String(status?.term ?? 0),
    raftAppliedIndex: String(status?.applied ?? 0),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}

function end(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function decoded(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}
