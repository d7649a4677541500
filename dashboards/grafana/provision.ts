import { stringify } from 'yaml';
import { DATASOURCE } from './influx-query.ts';

const HEADER = '# Made by `npm run dashboards`; edit dashboards/grafana/provision.ts instead.\n';

/** What the variables are when nobody sets them: the embedded store of `npm start`. Grafana has no defaults of its own. */
const ENVIRONMENT = {
  LATTICE_STORE_URL: 'http://127.0.0.1:8086',
  LATTICE_STORE_DATABASE: 'lattice',
  LATTICE_STORE_USER: 'operator',
  LATTICE_STORE_PASSWORD: '',
  LATTICE_DASHBOARDS_DIR: '/var/lib/grafana/dashboards/lattice',
} as const;

/** The files of Grafana's provisioning folder, by path. https://grafana.com/docs/grafana/latest/administration/provisioning/ */
export function provisioningFiles(): Record<string, string> {
  return {
    'provisioning/datasources/lattice.yaml': HEADER + stringify(datasources()),
    'provisioning/dashboards/lattice.yaml': HEADER + stringify(providers()),
    'provisioning/lattice.env': environmentFile(),
  };
}

function datasources(): object {
  return {
    apiVersion: 1,
    datasources: [
      {
        name: 'Lattice',
        uid: DATASOURCE.uid,
        type: DATASOURCE.type,
        access: 'proxy',
        url: '$LATTICE_STORE_URL',
        user: '$LATTICE_STORE_USER',
        jsonData: {
          version: 'InfluxQL',
          dbName: '$LATTICE_STORE_DATABASE',
          httpMode: 'GET',
          // Health comes every 5 s, so a finer interval would only show gaps.
          timeInterval: '10s',
        },
        secureJsonData: { password: '$LATTICE_STORE_PASSWORD' },
      },
    ],
  };
}

function providers(): object {
  return {
    apiVersion: 1,
    providers: [
      {
        name: 'lattice',
        folder: 'Lattice',
        type: 'file',
        disableDeletion: true,
        allowUiUpdates: false,
        options: { path: '$LATTICE_DASHBOARDS_DIR' },
      },
    ],
  };
}

function environmentFile(): string {
  const lines = Object.entries(ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
  return `${HEADER}# For Grafana's process (EnvironmentFile= of systemd, --env-file of a container). The password is the one that\n# \`npm start\` prints.\n${lines.join('\n')}\n`;
}
