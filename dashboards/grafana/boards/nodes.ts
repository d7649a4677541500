import { type BrokerHealth, MEASUREMENTS } from '../../../core/wire/index.ts';
import { board, storeVariable } from '../board.ts';
import { type GatewayField, nodePanels } from '../node-panels.ts';

/** The links, streams and bridges of a broker, summed by the gateway that stores its health. */
type LinkField =
  | 'linksUp'
  | 'linksDown'
  | 'linkBacklogMessages'
  | 'linkBacklogBytes'
  | 'linkBacklogAgeMs'
  | 'linkSent'
  | 'linkReceived'
  | 'linkForwarded'
  | 'linkResends'
  | 'linkDuplicates'
  | 'linkRetainedHealed'
  | 'linkDropped'
  | 'bridgeQueued';
type NoNumber = 'kind' | 'node' | 'atMs' | 'links' | 'streams' | 'bridges' | 'urls' | 'isDraining';
type BrokerField = Exclude<keyof BrokerHealth, NoNumber> | LinkField;

const gatewayPanels = nodePanels<GatewayField>(MEASUREMENTS.gateway);

/** The gateways: whether readings get through, and how fast. */
export const gateways = board({
  uid: 'lattice-gateways',
  title: 'Lattice: gateways',
  description: 'Whether readings get from the brokers into the store, how fast, and what was refused or dropped.',
  variables: [storeVariable('site', 'Site', `SHOW TAG VALUES FROM "${MEASUREMENTS.gateway}" WITH KEY = "site"`)],
  panels: [
    gatewayPanels.last('Up for', 'uptimeS', 6, 's'),
    gatewayPanels.last('Shards', 'shards', 6),
    gatewayPanels.last('Devices', 'devices', 6),
    gatewayPanels.last('Missing readings', 'missingTotal', 6),
    gatewayPanels.rate('Received per second', ['receivedTotal']),
    gatewayPanels.rate('Stored per second', ['storedTotal']),
    gatewayPanels.level('Device stamp to stored', ['storedP50Ms', 'storedP99Ms'], {
      unit: 'ms',
      description: 'Of the last minute: half of the readings, and 99 in 100, were stored within this time.',
    }),
    gatewayPanels.level('Readings that wait in the buffer', ['bufferReadings']),
    gatewayPanels.rate('Not stored, per second', ['rejectedTotal', 'droppedTotal', 'duplicatesTotal'], {
      description: 'Refused as no reading, dropped at a bound, or seen before.',
    }),
    gatewayPanels.level('Size of the buffer', ['bufferBytes'], { unit: 'bytes' }),
    gatewayPanels.level('Resident memory', ['rssBytes'], { unit: 'bytes', width: 24 }),
  ],
});

const brokerPanels = nodePanels<BrokerField>(MEASUREMENTS.broker);

/** The brokers and the links between them. */
export const brokers = board({
  uid: 'lattice-brokers',
  title: 'Lattice: brokers',
  description: 'Clients, messages and queues of each broker, and the links between brokers.',
  variables: [storeVariable('site', 'Site', `SHOW TAG VALUES FROM "${MEASUREMENTS.broker}" WITH KEY = "site"`)],
  panels: [
    brokerPanels.last('Up for', 'uptimeS', 6, 's'),
    brokerPanels.last('Clients', 'connections', 6),
    brokerPanels.last('Links up', 'linksUp', 6),
    brokerPanels.last('Links down', 'linksDown', 6),
    brokerPanels.rate('Published per second', ['publishedTotal']),
    brokerPanels.rate('Delivered per second', ['deliveredTotal']),
    brokerPanels.level('Commit, p99', ['commitP99Ms'], {
      unit: 'ms',
      description: 'From the arrival of a message to its sync on disk; no acknowledgement goes out before.',
    }),
    brokerPanels.level('Queued for sessions that are away or slow', ['queued']),
    brokerPanels.rate('Over links, per second', ['linkSent', 'linkReceived', 'linkForwarded'], {
      description: 'Messages of own clients, those for own clients, and those of others on their way through.',
    }),
    brokerPanels.rate('Sent again, duplicates and healed, per second', [
      'linkResends',
      'linkDuplicates',
      'linkRetainedHealed',
    ]),
    brokerPanels.level('Records that wait for other brokers', ['linkBacklogMessages']),
    brokerPanels.level('Age of the oldest of these', ['linkBacklogAgeMs'], {
      unit: 'ms',
      description: 'Grows without end while a broker is away; in seconds otherwise.',
    }),
    brokerPanels.level('What these take in the journal', ['linkBacklogBytes'], {
      unit: 'bytes',
      description: 'About; a record that several brokers lack counts once for each.',
    }),
    brokerPanels.level('Messages that wait for bridges', ['bridgeQueued']),
    brokerPanels.rate('Refused and dropped per second', ['refusedTotal', 'droppedTotal', 'linkDropped']),
    brokerPanels.level('Sessions, subscriptions, retained', ['sessions', 'subscriptions', 'retained']),
    brokerPanels.level('Journal', ['journalBytes'], { unit: 'bytes' }),
    brokerPanels.level('Resident memory', ['rssBytes'], { unit: 'bytes' }),
  ],
});
