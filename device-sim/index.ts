export { type DryReading, dryRun } from './dry-run.ts';
export { createFleet, type Fleet, type FleetDeps } from './fleet.ts';
export { type RunSimOptions, runSim } from './main.ts';
export { loadScenario, parseScenario, type Scenario, type ScenarioInput, scenarioSchema } from './scenario.ts';
export { type Summary, summaryText } from './summary.ts';
