import { describeCarrier } from '../../testing/contracts/carrier.ts';
import { carrierWorld } from '../support/carrier-world.ts';

describeCarrier('helper processes of Node', carrierWorld);
