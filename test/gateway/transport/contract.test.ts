import { systemClock } from '../../../core/time/index.ts';
import type { GatewayIdentity, TcpTransport, Transport } from '../../../gateway/transport/index.ts';
import { transportContract } from '../../contract/transport.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { MemoryNetwork, type MemoryTransport } from '../../support/memory-transport.ts';
import { ShiftedClock } from '../../support/shifted-clock.ts';
import { Gateways } from './gateways.ts';

transportContract('in memory', async () => {
  const network = new MemoryNetwork(systemClock);
  const identityOf = (transport: Transport) => (transport as MemoryTransport).own;
  return {
    open: async (own, aheadMs = 0) => {
      const transport = network.transport(own, new ShiftedClock(aheadMs));
      await transport.start();
      return transport;
    },
    introduce: (one, other) => one.setPeer({ ...identityOf(other), host: '', port: 0 }),
    cut: (one, other) => network.cut(identityOf(one), identityOf(other)),
    close: async () => {},
  };
});

transportContract('TCP', async () => {
  const gateways = new Gateways();
  const identities = new Map<Transport, GatewayIdentity>();
  const proxies = new Map<Transport, FaultProxy>();
  return {
    open: async (own, aheadMs = 0) => {
      const transport = await gateways.open(own, { clock: new ShiftedClock(aheadMs) });
      identities.set(transport, own);
      proxies.set(transport, await FaultProxy.open(transport.address.port));
      return transport;
    },
    // Directly when it need not be cut: a proxy would go on to listen when the peer behind it is dead.
    introduce: (one, other, isCuttable = false) => {
      const { host, port } = (other as TcpTransport).address;
      const proxy = proxies.get(other) as FaultProxy;
      one.setPeer({ ...(identities.get(other) as GatewayIdentity), host, port: isCuttable ? proxy.port : port });
    },
    cut: (_, other) => proxies.get(other)?.cut(),
    close: async () => {
      await gateways.close();
      for (const proxy of proxies.values()) await proxy.close();
    },
  };
});
