// biome-ignore-all lint/complexity/noStaticOnlyClass: only static methods can be tasks
// biome-ignore-all lint/complexity/noThisInStatic: that `this` is the class is what the tests are about
import type { App } from "../../src/engine/app.js";

/** Classes whose static methods are tasks. The tests compile this file first: their runner knows no decorators. */
export function decorate(app: App) {
  class Reports {
    static readonly title = "Report";

    @app.task({ retry: 2, tags: ["nightly"] })
    static async nightly(day: string) {
      return [Reports === this, `${this.title} of ${day}`, this.suffix()];
    }

    @app.task({ name: "reports.weekly" })
    static *weekly(weeks: number) {
      for (let week = 1; week <= weeks; week++) yield `${this.title} ${week}`;
    }

    static suffix() {
      return "end";
    }
  }
  return Reports;
}

export function decorateWrongly(app: App, kind: "instance" | "private" | "accessor") {
  if (kind === "instance") {
    class Instance {
      // @ts-expect-error
      @app.task({})
      async nightly() {}
    }
    return Instance;
  }
  if (kind === "private") {
    class Private {
      // @ts-expect-error
      @app.task({})
      static async #nightly() {}

      static call() {
        return Private.#nightly();
      }
    }
    return Private;
  }
  class Accessor {
    // @ts-expect-error
    @app.task({})
    static accessor nightly = 1;
  }
  return Accessor;
}
