import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export const CONNACK = Buffer.from([0x20, 0x02, 0x00, 0x00]);
export const CONNECT_TYPE = 1;
export const SUBSCRIBE_TYPE = 8;

/** SUBACK for the one filter of a SUBSCRIBE; the packet id is in its bytes 2 and 3 (MQTT 3.1.1, 3.8 and 3.9). */
export function suback(subscribe: Buffer, returnCode: number): Buffer {
  return Buffer.from([0x90, 0x03, subscribe[2] as number, subscribe[3] as number, returnCode]);
}

export interface FakeBroker {
  url: string;
  port: number;
  close(): void;
}

/** A peer that answers each packet as it is told, in ways that no real broker does on purpose. */
export async function fakeBroker(answer: (type: number, packet: Buffer, socket: Socket) => void): Promise<FakeBroker> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (packet: Buffer) => answer((packet[0] as number) >> 4, packet, socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
