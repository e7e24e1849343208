import "./styles/index.css";
import "htmx.org";
import { mountIslands } from "./behaviour/islands";
import { startShell } from "./behaviour/shell";

startShell();
mountIslands(document.body);
// htmx says on the document which elements it has just brought in; islands inside them wake up too.
document.addEventListener("htmx:after:swap", () => mountIslands(document.body));
