export { SCENARIOS, type ScenarioName, scenarioOf } from './scenario.ts';
export { type ClockRunOptions, scenarioOfSeed, simulateClock } from './simulation.ts';
