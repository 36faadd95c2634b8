/** A page in a real Chromium, served from this machine, whose code is built as scripts/build-browser.ts builds the library. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import packed from "@sparticuz/chromium";
import { type Browser, chromium, type Page as Tab } from "playwright-core";
import { bundle } from "../../scripts/build-browser.ts";

/** What a test has of one page: the module that it loaded is its `module`. */
export class Page {
  readonly tab: Tab;
  readonly #browser: Browser;
  readonly #server: Server;
  /** Of what went wrong in it that nobody caught. */
  readonly errors: Error[] = [];

  private constructor(browser: Browser, tab: Tab, server: Server) {
    this.#browser = browser;
    this.tab = tab;
    this.#server = server;
    tab.on("pageerror", (error) => this.errors.push(error));
  }

  /** With what inPage.ts exports. */
  static async open(): Promise<Page> {
    const { code } = await bundle(join(import.meta.dirname, "inPage.ts"));
    const server = createServer(({ url }, response) => {
      const isCode = url === "/module.js";
      response.setHeader("content-type", isCode ? "text/javascript" : "text/html");
      response.end(isCode ? code.contents : "<!doctype html><title>Sublet</title>");
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const browser = await chromium.launch({
      executablePath: process.env.SUBLET_CHROMIUM ?? (await packed.executablePath()),
      args: [
        ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
        ...["--disable-background-networking", "--disable-component-update"],
      ],
    });
    const page = new Page(browser, await browser.newPage(), server);
    await page.goTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return page;
  }

  /** To its own address, where it loads its module anew. */
  async goTo(url: string): Promise<void> {
    await this.tab.goto(url);
    await this.tab.evaluate("import('/module.js').then((module) => { globalThis.module = module; })");
  }

  async close(): Promise<void> {
    await this.#browser.close();
    this.#server.close();
  }
}
