export { ProbeSocket, type ProbeSocketOptions } from './probe-socket.ts';
