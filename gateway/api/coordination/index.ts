export { answerErrors, checked } from './answers.ts';
export { coordinationRoutes } from './routes.ts';
