import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** A local program at the shim's socket: writes lines, keeps the answers in order. */
export class SocketClient {
  readonly answers: string[] = [];
  readonly socket: Socket;

  constructor(path: string) {
    this.socket = connect(path);
    this.socket.on('error', () => {});
    createInterface({ input: this.socket })
      .on('line', (line) => this.answers.push(line))
      .on('error', () => {});
  }

  write(text: string): void {
    this.socket.write(text);
  }

  close(): void {
    this.socket.destroy();
  }
}
