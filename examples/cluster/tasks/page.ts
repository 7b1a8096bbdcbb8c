import { app, currentTask } from "qtasks";

export const renderPage = app.task(
  { name: "page.render", retry: 2, maxTime: 30, description: "Render one page" },
  async (page: number) => {
    const task = currentTask();
    task?.progress(0, 1, `page ${page}`);
    await task?.sleep(0.05);
    return { page, bytes: 1000 * page };
  },
);
