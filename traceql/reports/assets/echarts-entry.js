// The parts of Apache ECharts that report.js draws with; everything else is left out.
import { BarChart, CustomChart, LineChart } from "echarts/charts";
import { DataZoomInsideComponent, DataZoomSliderComponent, GridComponent, LegendComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer, SVGRenderer } from "echarts/renderers";

use([
  BarChart, CustomChart, LineChart,
  DataZoomInsideComponent, DataZoomSliderComponent, GridComponent, LegendComponent, TooltipComponent,
  CanvasRenderer, SVGRenderer,
]);
export { init };
