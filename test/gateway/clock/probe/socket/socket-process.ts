/** The gateway b in a process of its own, its main thread busy half of the time: node socket-process.ts PORT_OF_A */
import { setTimeout } from 'node:timers/promises';
import { holdUp } from './hold-up.ts';
import { newSocket } from './sockets.ts';

const socket = newSocket('b');
socket.setPeers([{ name: 'a', host: '127.0.0.1', port: Number(process.argv[2]) }]);
const { port } = await socket.start();
process.send?.({ port });
process.on('disconnect', () => process.exit());
for (let turn = 0; ; turn++) {
  const heldMs = holdUp(turn);
  await setTimeout(heldMs);
}
