import { createHash } from 'node:crypto';
import type { DeviceMeta } from './device-meta.ts';
import { metricOf } from './metrics.ts';
import type { MetricValue } from './reading.ts';
import { meshTopic } from './topics.ts';

/** Home Assistant says `online` here when it starts; discovery is published again then. */
export const HOME_ASSISTANT_STATUS_TOPIC = 'homeassistant/status';

/** Device discovery (one retained message per device), https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload */
export function discoveryTopic(site: string, device: string): string {
  return `homeassistant/device/${objectId(site, device)}/config`;
}

/** The payload that makes Home Assistant show a device with one sensor per metric. */
export function discoveryPayload(input: {
  site: string;
  device: string;
  meta: DeviceMeta | undefined;
  /** The metrics seen so far, with a value each, from which the kind of sensor follows. */
  metrics: Record<string, MetricValue>;
  /** Whether the device publishes `availability`; without it Home Assistant would show the device as away for ever. */
  hasAvailability: boolean;
  softwareVersion: string;
}): Record<string, unknown> {
  const { site, device, meta } = input;
  const id = objectId(site, device);
  const components: Record<string, unknown> = {};
  for (const name of Object.keys(input.metrics).sort()) {
    components[name] = component(id, name, input.metrics[name] as MetricValue);
  }
  return {
    dev: {
      ids: [id],
      name: meta?.name ?? device,
      mf: meta?.manufacturer ?? 'unknown',
      mdl: meta?.model ?? 'unknown',
      ...(meta?.software === undefined ? {} : { sw: meta.software }),
      ...(meta?.area === undefined ? {} : { sa: meta.area }),
    },
    o: { name: 'lattice', sw: input.softwareVersion },
    stat_t: meshTopic(site, device, 'state'),
    ...(input.hasAvailability ? { avty_t: meshTopic(site, device, 'availability') } : {}),
    qos: 1,
    cmps: components,
  };
}

function component(id: string, name: string, value: MetricValue): Record<string, unknown> {
  const common = { uniq_id: `${id}_${name}`, val_tpl: `{{ value_json.${name} }}` };
  if (typeof value === 'boolean') {
    return { p: 'binary_sensor', name, ...common, val_tpl: `{{ 'ON' if value_json.${name} else 'OFF' }}` };
  }
  const metric = metricOf(name);
  return {
    p: 'sensor',
    name: metric?.label ?? name,
    ...common,
    ...(metric?.haDeviceClass === undefined ? {} : { dev_cla: metric.haDeviceClass }),
    ...(metric?.haUnit === undefined ? {} : { unit_of_meas: metric.haUnit }),
    ...(typeof value === 'number' ? { stat_cla: 'measurement' } : {}),
    ...(metric === undefined ? {} : { sug_dsp_prc: metric.decimals }),
  };
}

/** Home Assistant's object ids are letters, digits, dash and underscore. */
function objectId(site: string, device: string): string {
  const id = `lattice_${site}_${device}`;
  const plain = id.replace(/[^A-Za-z0-9_-]/g, '_');
  // `a.b` and `a_b` are two devices; what was replaced is told apart by a hash.
  return plain === id ? id : `${plain}_${createHash('sha256').update(id).digest('hex').slice(0, 8)}`;
}
