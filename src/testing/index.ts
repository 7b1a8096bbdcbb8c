export { type VirtualSystem, type VirtualSystemOptions, virtualSystem } from "./clock.js";
export {
  brokerCaseNames,
  brokerConformance,
  type ConformanceOptions,
  type ConformanceTest,
  type OpenedBroker,
} from "./conformance.js";
