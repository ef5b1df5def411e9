// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.31;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title IStrategy
/// @notice Holds one token for all stakers and counts it in shares.
/// @dev Stakers approve the strategy, then call the RestakingManager, which is the only one that may call it.
///
/// Assets are the strategy's own balance, at most 96 bits of it, so a token whose balances change by themselves
/// (rebasing) moves the price of a share, up or down, for everyone alike. A deposit is credited what arrived, not what
/// was sent, so a token that keeps a fee costs its sender and nobody else.
///
/// With A assets, S shares and 1 000 *virtual* ones of each,
///
///     shares of a deposit    = assets · (S + 1 000) / (A + 1 000)
///     assets of a withdrawal = shares · the lower of (A + 1 000) / (S + 1 000) and A / S
///
/// each rounded down. Virtual shares and assets keep the price defined in an empty strategy, and make it dear to move by
/// donation: a depositor loses less than the price of one share, and who donated d to raise that price to d / 1 000 lost
/// most of d to the virtual shares. The lower of the two ratios keeps the virtual assets, which nobody can be paid, out
/// of the price when the token has lost value: all shares together are never worth more than A. A deposit made while
/// they are in it costs its staker less than 1 000 of the token's smallest unit.
///
/// While tokens move, neither prices nor sums can be read: a token or a recipient that calls back finds no price
/// between two states.
interface IStrategy {
    /// @notice The caller is not the RestakingManager.
    error NotManager(address caller);
    /// @notice Nothing arrived.
    error NothingReceived(uint256 sent);
    /// @notice The deposit would bring the assets beyond 96 bits, the width of a weight.
    error CapacityExceeded(uint256 assets, uint256 limit);
    /// @notice The deposit would bring the shares beyond the limit: the token lost nearly all of its value since others
    /// deposited. Such a strategy takes no more.
    error TooManyShares(uint256 shares, uint256 limit);
    /// @notice The deposit is too small for a share.
    error NoShares(uint256 amount);
    /// @notice This strategy does not hold ether.
    error NotEther();
    /// @notice Ether comes from the wrapper, or with a deposit through the RestakingManager.
    error NotWrapper(address sender);
    /// @notice The recipient does not take ether. Name another.
    error EtherRefused(address recipient, uint256 amount);
    /// @notice A leverage cap is 10 000 (each unit of stake at risk once) to 100 000 basis points.
    error InvalidLeverageCap(uint32 bps);

    /// @notice Token that is staked here; for ether its wrapper.
    function token() external view returns (IERC20);

    /// @notice Whether ether may be deposited, and is what a withdrawal pays.
    function isEther() external view returns (bool);

    /// @notice The RestakingManager that this strategy serves.
    function manager() external view returns (address);

    /// @notice Most that an operator's allocations of this strategy may sum up to over all services, in basis points of
    /// its stake. For good.
    function leverageCapBps() external view returns (uint32);

    /// @notice Tokens held for stakers, in the token's smallest unit.
    function totalAssets() external view returns (uint256);

    /// @notice Shares given out for them, at most 2^98.
    function totalShares() external view returns (uint256);

    /// @notice Takes `amount` of the token from `staker`. Manager only.
    /// @return assets What arrived.
    /// @return shares What that is worth, rounded down.
    function deposit(address staker, uint256 amount) external returns (uint256 assets, uint256 shares);

    /// @notice Wraps the ether that comes with the call. Manager only; reverts with `NotEther` unless `isEther`.
    /// @return assets What arrived.
    /// @return shares What that is worth, rounded down.
    function depositEther() external payable returns (uint256 assets, uint256 shares);

    /// @notice Pays out `shares` to `recipient`, in ether if `isEther`. Manager only.
    /// @return assets What was sent, rounded down.
    function withdraw(address recipient, uint256 shares) external returns (uint256 assets);

    /// @notice What `shares` are worth in tokens, rounded down.
    function toAssets(uint256 shares) external view returns (uint256);

    /// @notice How many shares `assets` buy, rounded down.
    function toShares(uint256 assets) external view returns (uint256);
}
