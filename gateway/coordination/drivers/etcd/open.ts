import { readFile } from 'node:fs/promises';
import type { IOptions } from 'etcd3';
import type { Coordinator } from '../../types.ts';
import type { CallerDeps } from './caller.ts';
import type { EtcdDriverConfig } from './config.ts';
import { EtcdCoordinator } from './coordinator.ts';
import { KeySpace } from './key-space.ts';

/** A member that has gone silent is noticed after the sum of both, ms. etcd allows a ping every 5 s. */
const PING_INTERVAL_MS = 5_000;
const PING_TIMEOUT_MS = 3_000;

/** Loads etcd3, which nobody else needs. Nothing is sent before the first call. Rejects when a PEM file cannot be read. */
export async function openEtcdCoordinator(config: EtcdDriverConfig, deps: CallerDeps): Promise<Coordinator> {
  const { Etcd3 } = await import('etcd3');
  const client = new Etcd3(await clientOptions(config));
  return new EtcdCoordinator(client, new KeySpace(config.prefix), deps);
}

async function clientOptions({ endpoints, username, password, ...files }: EtcdDriverConfig): Promise<IOptions> {
  return {
    hosts: endpoints,
    ...(username === undefined ? {} : { auth: { username, password: password ?? '' } }),
    ...(files.caFile === undefined ? {} : { credentials: await readPemFiles({ ...files, caFile: files.caFile }) }),
    faultHandling: { host: () => NO_POLICY, global: NO_POLICY },
    grpcOptions: {
      // grpc-js would refuse answers of more than 4 MB.
      'grpc.max_receive_message_length': -1,
      'grpc.keepalive_time_ms': PING_INTERVAL_MS,
      'grpc.keepalive_timeout_ms': PING_TIMEOUT_MS,
      // A member that comes back is found again at once, not after gRPC's two minutes at most.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.min_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1_000,
    },
  };
}

async function readPemFiles(files: { caFile: string; certFile?: string | undefined; keyFile?: string | undefined }) {
  return {
    rootCertificate: await readFile(files.caFile),
    ...(files.certFile === undefined ? {} : { certChain: await readFile(files.certFile) }),
    ...(files.keyFile === undefined ? {} : { privateKey: await readFile(files.keyFile) }),
  };
}

type Policy = NonNullable<NonNullable<IOptions['faultHandling']>['global']>;

/**
 * No retries and no circuit breaker: what may be tried again is decided by the Caller, and a breaker would keep turning calls
 * away for seconds after etcd is back. etcd3 asks a policy for nothing but execute().
 */
const NO_POLICY = { execute: async (call: () => unknown) => call() } as unknown as Policy;
