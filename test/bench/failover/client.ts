import { Agent, request } from 'node:http';

export interface MemberStatus {
  id: string;
  /** Id of the leader, '0' while it knows none. */
  leader: string;
  term: number;
  applied: number;
}

/** A client of etcd's JSON gateway, which our members answer too. It keeps its connections. */
export class KvClient {
  readonly #agent = new Agent({ keepAlive: true });

  /** Resolves when the write is agreed on. */
  async put(port: number, key: string, value: string, signal?: AbortSignal): Promise<void> {
    await this.#call(port, '/v3/kv/put', { key: encoded(key), value: encoded(value) }, signal);
  }

  async status(port: number, signal?: AbortSignal): Promise<MemberStatus> {
    const answer = (await this.#call(port, '/v3/maintenance/status', {}, signal)) as StatusAnswer;
    return {
      id: answer.header.member_id,
      leader: answer.leader ?? '0',
      term: Number(answer.raftTerm),
      applied: Number(answer.raftAppliedIndex),
    };
  }

  close(): void {
    this.#agent.destroy();
  }

  #call(port: number, path: string, body: object, signal: AbortSignal | undefined): Promise<unknown> {
    const text = JSON.stringify(body);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const options = { host: '127.0.0.1', port, path, method: 'POST', agent: this.#agent, headers };
    return new Promise((resolve, reject) => {
      const sent = request({ ...options, ...(signal === undefined ? {} : { signal }) }, (response) => {
        let answer = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          answer += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(answer));
          else reject(new Error(`${path} was answered with ${response.statusCode}: ${answer}`));
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  }
}

interface StatusAnswer {
  header: { member_id: string };
  /** Left out while there is none. */
  leader?: string;
  raftTerm: string;
  raftAppliedIndex: string;
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64');
}
