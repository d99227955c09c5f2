using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "floor", worker = .floor)],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "floor")],
);

const floor :Workerd.Worker = (
  modules = [(name = "floor_worker.mjs", esModule = embed "floor_worker.mjs")],
  compatibilityDate = "2026-10-01",
);
