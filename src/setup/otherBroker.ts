import { brokerFromUrl, placeFromUrl } from "../brokers/fromUrl.js";
import { ConfigError } from "../core/errors.js";
import type { Broker } from "../ports/broker.js";
import type { Project } from "./projectConfig.js";
import { brokerSettings } from "./queueTasks.js";

/**
 * The project's queue at another broker, not opened.
 * @throws {ConfigError} for a URL that names no broker, or one that ends with this process
 */
export function otherBroker(
  project: Project,
  url: string,
): { readonly broker: Broker; readonly label: string } {
  const settings = brokerSettings(project.config, project.root);
  const broker = brokerFromUrl(url, settings);
  if (broker.name !== "memory:") return { broker, label: placeFromUrl(url, settings) };
  throw new ConfigError(
    "memory: is gone with this process, and so would the tasks be.",
    "Give another broker.",
  );
}
