/**
 * Runs in a page before its scripts: puts somebody in front of the camera, a drawing in one colour,
 * so that one can tell people apart in pictures.
 * @param {number} hue
 */
export function drawFace(hue) {
  const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    if (!constraints.video) return original(constraints);
    const canvas = document.createElement("canvas");
    canvas.width = 640;
    canvas.height = 360;
    const picture = canvas.getContext("2d");
    const start = performance.now();
    const draw = () => {
      const sway = Math.sin((performance.now() - start) / 900) * 5;
      // One colour: what is flat stays small in pictures of the page.
      picture.fillStyle = `hsl(${hue} 36% 74%)`;
      picture.fillRect(0, 0, 640, 360);
      disc(`hsl(${hue} 34% 46%)`, 320 + sway / 2, 440, 178);
      disc(`hsl(${hue} 28% 24%)`, 320 + sway, 158, 92);
      disc("#eac7a6", 320 + sway, 186, 76);
      disc("#3a2a20", 292 + sway, 180, 7);
      disc("#3a2a20", 348 + sway, 180, 7);
      picture.strokeStyle = "#8a4f3a";
      picture.lineWidth = 6;
      picture.lineCap = "round";
      picture.beginPath();
      picture.arc(320 + sway, 204, 24, 0.25 * Math.PI, 0.75 * Math.PI);
      picture.stroke();
    };
    const disc = (colour, x, y, radius) => {
      picture.fillStyle = colour;
      picture.beginPath();
      picture.arc(x, y, radius, 0, 2 * Math.PI);
      picture.fill();
    };
    draw();
    setInterval(draw, 100);
    return canvas.captureStream(10);
  };
}
