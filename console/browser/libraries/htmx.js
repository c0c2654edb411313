import htmx from "htmx.org";

htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.selfRequestsOnly = true;
htmx.config.historyCacheSize = 0;
// What has just come is htmx's in the same moment: 20 ms later, an order given by a quick hand (or
// on a busy machine) was sent as a plain form, whose answer nobody hears.
htmx.config.defaultSettleDelay = 0;
window.htmx = htmx;
