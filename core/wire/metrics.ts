/**
 * The one table of metrics: unit in UCUM, name in SenML (RFC 8428 section 12.1) where it has one, and what Home
 * Assistant calls it. A metric that is not in the table is stored all the same, without a unit.
 */
export interface Metric {
  /** UCUM unit; `1` for a ratio or a count. */
  unit: string;
  /** What a person reads beside the value. */
  label: string;
  /** Symbol for a chart's axis. */
  symbol: string;
  /** SenML unit, where the registry has one. */
  senmlUnit?: string;
  /** Home Assistant's device_class, where one fits. */
  haDeviceClass?: string;
  /** Home Assistant's unit_of_measurement, where the device class wants one. */
  haUnit?: string;
  /** Grafana's unit id. */
  grafanaUnit: string;
  /** Decimals worth showing. */
  decimals: number;
}

export const METRICS = {
  temperature: {
    unit: 'Cel',
    label: 'Temperature',
    symbol: '°C',
    senmlUnit: 'Cel',
    haDeviceClass: 'temperature',
    haUnit: '°C',
    grafanaUnit: 'celsius',
    decimals: 1,
  },
  humidity: {
    unit: '%',
    label: 'Relative humidity',
    symbol: '%',
    senmlUnit: '%RH',
    haDeviceClass: 'humidity',
    haUnit: '%',
    grafanaUnit: 'humidity',
    decimals: 1,
  },
  pressure: {
    unit: 'hPa',
    label: 'Air pressure',
    symbol: 'hPa',
    senmlUnit: 'hPa',
    haDeviceClass: 'atmospheric_pressure',
    haUnit: 'hPa',
    grafanaUnit: 'pressurehpa',
    decimals: 1,
  },
  illuminance: {
    unit: 'lx',
    label: 'Illuminance',
    symbol: 'lx',
    senmlUnit: 'lx',
    haDeviceClass: 'illuminance',
    haUnit: 'lx',
    grafanaUnit: 'lux',
    decimals: 0,
  },
  co2: {
    unit: '[ppm]',
    label: 'Carbon dioxide',
    symbol: 'ppm',
    senmlUnit: 'ppm',
    haDeviceClass: 'carbon_dioxide',
    haUnit: 'ppm',
    grafanaUnit: 'ppm',
    decimals: 0,
  },
  battery: {
    unit: '%',
    label: 'Battery',
    symbol: '%',
    senmlUnit: '%EL',
    haDeviceClass: 'battery',
    haUnit: '%',
    grafanaUnit: 'percent',
    decimals: 0,
  },
  voltage: {
    unit: 'V',
    label: 'Voltage',
    symbol: 'V',
    senmlUnit: 'V',
    haDeviceClass: 'voltage',
    haUnit: 'V',
    grafanaUnit: 'volt',
    decimals: 2,
  },
  current: {
    unit: 'A',
    label: 'Current',
    symbol: 'A',
    senmlUnit: 'A',
    haDeviceClass: 'current',
    haUnit: 'A',
    grafanaUnit: 'amp',
    decimals: 2,
  },
  power: {
    unit: 'W',
    label: 'Power',
    symbol: 'W',
    senmlUnit: 'W',
    haDeviceClass: 'power',
    haUnit: 'W',
    grafanaUnit: 'watt',
    decimals: 1,
  },
  fan_speed: { unit: '/min', label: 'Fan speed', symbol: 'rpm', grafanaUnit: 'rotrpm', decimals: 0 },
  cpu_temperature: {
    unit: 'Cel',
    label: 'Processor temperature',
    symbol: '°C',
    senmlUnit: 'Cel',
    haDeviceClass: 'temperature',
    haUnit: '°C',
    grafanaUnit: 'celsius',
    decimals: 1,
  },
  load1: { unit: '1', label: 'Load, 1 min', symbol: '', grafanaUnit: 'short', decimals: 2 },
  load5: { unit: '1', label: 'Load, 5 min', symbol: '', grafanaUnit: 'short', decimals: 2 },
  memory_used: { unit: '%', label: 'Memory in use', symbol: '%', haUnit: '%', grafanaUnit: 'percent', decimals: 1 },
  disk_used: { unit: '%', label: 'Disk in use', symbol: '%', haUnit: '%', grafanaUnit: 'percent', decimals: 1 },
  uptime: {
    unit: 's',
    label: 'Up since',
    symbol: 's',
    senmlUnit: 's',
    haDeviceClass: 'duration',
    haUnit: 's',
    grafanaUnit: 's',
    decimals: 0,
  },
  signal_strength: {
    unit: 'dB[mW]',
    label: 'Signal strength',
    symbol: 'dBm',
    senmlUnit: 'dBm',
    haDeviceClass: 'signal_strength',
    haUnit: 'dBm',
    grafanaUnit: 'dBm',
    decimals: 0,
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof METRICS;

/** Letters, digits and underscore, 1 to 64, starting with a letter; what a field of the store may be called. */
const METRIC_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

export function isMetricName(text: string): boolean {
  return METRIC_NAME.test(text);
}

/** The table's row for a metric; a suffix `_2` and so on names a second sensor of the same kind. */
export function metricOf(name: string): Metric | undefined {
  const table: Record<string, Metric> = METRICS;
  return table[name] ?? table[name.replace(/_\d+$/, '')];
}
