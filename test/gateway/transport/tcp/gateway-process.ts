/* The gateway b as a process of its own, for a test that kills it. Arguments: the port of a, and its own (0 for any). */
import { Gateways } from '../gateways.ts';

const [portOfA = '', ownPort = '0'] = process.argv.slice(2);
const transport = await new Gateways().open(
  { site: 'home', name: 'b' },
  { listen: { host: '127.0.0.1', port: Number(ownPort) } },
);
transport.setPeer({ name: 'a', host: '127.0.0.1', port: Number(portOfA) });
process.send?.({ port: transport.address.port });
